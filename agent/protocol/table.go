package protocol

import "github.com/cardea-agent/cardea/agent/signin"

// The codes that are not a use case's: the client library's own, and those
// that the door ends a request with.
const (
	CodeNotRunning             signin.Code = "notRunning"
	CodeLoopbackDenied         signin.Code = "loopbackDenied"
	CodeLoopbackDismissed      signin.Code = "loopbackDismissed"
	CodeLoopbackBlockedInFrame signin.Code = "loopbackBlockedInFrame"
	CodeAgentLost              signin.Code = "agentLost"
	CodeOriginRefused          signin.Code = "originRefused"
	CodeUnsupported            signin.Code = "unsupported"
	CodeVersionTooOld          signin.Code = "versionTooOld"
)

// Who is the first who can act on an error.
type Who string

// The people who can act.
const (
	WhoUser       Who = "user"
	WhoAdmin      Who = "admin"
	WhoCardIssuer Who = "card-issuer"
	WhoSite       Who = "site"
)

// MadeBy says which side makes an error.
type MadeBy string

// The sides.
const (
	ByAgent  MadeBy = "agent"
	ByClient MadeBy = "client"
)

// ErrorRow is one row of Errors.
type ErrorRow struct {
	By      MadeBy
	Who     Who
	Retry   bool // whether trying again can help, with nothing newly installed or set
	Number  int  // JSON-RPC's
	Message string
	Params  []Param
	Meaning string // what it means, for docs/errors.md
	Fix     string // who fixes it, and how
}

// Param is one parameter of an error. Values are the words it can have, nil
// for numbers and free text.
type Param struct {
	Name     string
	Type     string // integer or string
	Optional bool
	Values   []string
	Meaning  string
}

// Errors is the one table of error codes. docs/errors.md and the types of
// web/client are generated from it.
var Errors = map[signin.Code]ErrorRow{
	CodeNotRunning: {
		By: ByClient, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "Cardea does not answer on this computer.",
		Meaning: "Nothing accepts connections on the agent's port: Cardea is not installed, is stopped, or does not run in this desktop session.",
		Fix:     "The user starts Cardea or signs in to the computer again. If it is not installed, the administrator installs it.",
	},
	CodeLoopbackDenied: {
		By: ByClient, Who: WhoUser, Retry: false, Number: numberAgent,
		Message: "The browser is set not to let this page reach Cardea.",
		Meaning: "The browser's permission for loopback connections (`loopback-network`) is denied for this site, by the user, by a policy, or after three dismissed questions.",
		Fix:     "The user allows access to apps on this device in the browser's site settings. The administrator can allow it for all with the browser policy `LoopbackNetworkAllowedForUrls`.",
	},
	CodeLoopbackDismissed: {
		By: ByClient, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The browser has not been given leave yet to let this page reach Cardea.",
		Meaning: "The browser's question about loopback connections was closed without an answer, or it could not be asked because the page connected without a click.",
		Fix:     "The user tries again with a click and answers Allow. After three dismissals the browser takes it as a No.",
	},
	CodeLoopbackBlockedInFrame: {
		By: ByClient, Who: WhoSite, Retry: false, Number: numberAgent,
		Message: "The page that embeds this one does not let it reach Cardea.",
		Meaning: "The page runs in an iframe without `allow=\"loopback-network\"`, or a `Permissions-Policy` header forbids it.",
		Fix:     "The embedding site adds `allow=\"loopback-network\"` to the iframe and lets its `Permissions-Policy` name the origin.",
	},
	CodeAgentLost: {
		By: ByClient, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The connection to Cardea was lost.",
		Meaning: "The agent ended or closed the connection while the page used it. The client library tries to come back by itself.",
		Fix:     "The user waits a moment and tries again. If it lasts, the user starts Cardea again.",
	},
	CodeOriginRefused: {
		By: ByClient, Who: WhoAdmin, Retry: true, Number: numberAgent,
		Message: "Cardea does not accept this site.",
		Meaning: "Something answers on the agent's port, and refused the connection: most often the page's origin is not on the list of allowed origins. Too many connections and a stopping agent look the same to a page, and so does another program on the port.",
		Fix:     "The administrator adds the exact origin to the policy. Where the policy lets users decide, the user answers Cardea's question with Allow and clicks again.",
	},
	signin.CodeCancelled: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The request was cancelled.",
		Meaning: "The user closed the PIN window, or the page cancelled its own request.",
		Fix:     "The user tries again when they want to.",
	},
	signin.CodeTimedOut: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "Nobody answered in time.",
		Meaning: "The request's time limit ran out while something of the user was awaited that has no code of its own, such as the PIN.",
		Fix:     "The user tries again and looks for the PIN window, which may be behind another one.",
	},
	signin.CodeBusy: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The card is in use by another request.",
		Meaning: "Another page or program has a PIN operation under way with this card, or this site asked again too soon after a cancelled request.",
		Fix:     "The user finishes or closes the other PIN window and tries again.",
	},
	signin.CodeSessionLocked: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The desktop is locked, so nobody can be asked for a PIN.",
		Meaning: "The user's desktop session is locked or is not the one at the screen.",
		Fix:     "The user unlocks the desktop and tries again.",
	},
	signin.CodeNoService: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The smartcard service of this computer does not answer.",
		Meaning: "The operating system's smartcard service (PC/SC) is stopped or missing.",
		Fix:     "The user plugs the reader in again or restarts the computer. If that does not help, the administrator starts the service.",
	},
	signin.CodeNoReader: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "No card reader is connected.",
		Meaning: "The smartcard service knows no reader.",
		Fix:     "The user plugs a card reader in. If it is plugged in, the administrator checks its driver or, on a remote desktop, its redirection.",
	},
	signin.CodeNoCard: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "There is no card in the reader.",
		Meaning: "The time limit ran out while a card was awaited, or the session's card is not in a reader.",
		Fix:     "The user puts the card in.",
	},
	signin.CodeCardRemoved: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The card was taken out.",
		Meaning: "The card left the reader before the operation was done and did not come back in time.",
		Fix:     "The user puts the card in and leaves it there until the sign-in is done.",
	},
	signin.CodeCardUnreadable: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The card cannot be read.",
		Meaning: "A card is in the reader, but it does not answer as a card should: wrong way round, dirty, damaged, or a reader with a wrong driver.",
		Fix:     "The user takes the card out, checks which way round it goes and puts it in again. If other cards fail too, the administrator checks the reader and its driver.",
	},
	signin.CodeCardUnknown: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "Cardea does not know this kind of card.",
		Params:  []Param{{Name: "atr", Type: "string", Optional: true, Meaning: "the card's answer to a reset, in hex: what the administrator needs to know of it"}},
		Meaning: "The card in the reader is not a PIV card, and no configured module knows it. It may be another card of the user's, such as a bank card.",
		Fix:     "The user puts the right card in. If it is the right one, the administrator configures its module.",
	},
	signin.CodeNoUsableCertificate: {
		By: ByAgent, Who: WhoCardIssuer, Retry: false, Number: numberAgent,
		Message: "The card holds no certificate that may be used for this.",
		Params: []Param{{Name: "why", Type: "string", Values: []string{
			string(signin.WhyNone), string(signin.WhyExpired), string(signin.WhyNotYetValid), string(signin.WhyWrongUsage), string(signin.WhyBothUsages), string(signin.WhyWrongIssuer),
		}, Meaning: "the reason of the certificate that came nearest"}},
		Meaning: "The card was read, but none of its certificates may do what was asked for, signing in or signing documents: there is none, or it has expired, is not valid yet, is for another usage, or comes from an issuer that the policy does not accept. `bothUsages`: a key that can also sign people in signs no documents.",
		Fix:     "The card issuer renews the certificate or the card. With `wrongUsage` and `wrongIssuer` the administrator checks the policy too.",
	},
	signin.CodePINWrong: {
		By: ByAgent, Who: WhoUser, Retry: true, Number: numberAgent,
		Message: "The PIN was wrong.",
		Params:  []Param{{Name: "triesLeft", Type: "integer", Optional: true, Meaning: "tries left, where the card tells"}},
		Meaning: "The user typed a wrong PIN and then gave up.",
		Fix:     "The user tries again with the right PIN. Somebody who does not remember it asks the card issuer before the last try is spent.",
	},
	signin.CodePINBlocked: {
		By: ByAgent, Who: WhoCardIssuer, Retry: false, Number: numberAgent,
		Message: "The card's PIN is blocked.",
		Meaning: "Too many wrong PINs were typed, and the card refuses to check any more.",
		Fix:     "The card issuer unblocks the card, or the user does with the unblocking code (PUK) that came with it.",
	},
	signin.CodePINNotSet: {
		By: ByAgent, Who: WhoCardIssuer, Retry: false, Number: numberAgent,
		Message: "The card has no PIN of its user's yet.",
		Meaning: "The card was issued without a PIN, or with one that must be changed before its first use.",
		Fix:     "The card issuer, or the user with the issuer's tool, sets the PIN.",
	},
	signin.CodeModuleMissing: {
		By: ByAgent, Who: WhoAdmin, Retry: false, Number: numberAgent,
		Message: "The software for this kind of card is not installed.",
		Meaning: "The PKCS#11 module that the policy names for this card does not exist or may not be loaded.",
		Fix:     "The administrator installs the module, or corrects its path in the policy.",
	},
	signin.CodeModuleFailed: {
		By: ByAgent, Who: WhoAdmin, Retry: true, Number: numberAgent,
		Message: "The software for this kind of card failed.",
		Params: []Param{{Name: "how", Type: "string", Values: []string{
			string(signin.ModuleCrashed), string(signin.ModuleHung), string(signin.ModuleRefused),
		}, Meaning: "how it failed"}},
		Meaning: "The PKCS#11 module crashed, did not answer in time or refused to work.",
		Fix:     "The user tries again once. If it lasts, the administrator updates the module.",
	},
	signin.CodeNoPromptUI: {
		By: ByAgent, Who: WhoAdmin, Retry: true, Number: numberAgent,
		Message: "Cardea could not show its PIN window.",
		Meaning: "No part of Cardea that can ask for a PIN runs in this desktop session, or it went away while it asked.",
		Fix:     "The user signs out of the desktop and in again. If it lasts, the administrator checks that the tray program starts with the session.",
	},
	signin.CodeNotPermitted: {
		By: ByAgent, Who: WhoSite, Retry: false, Number: numberAgent,
		Message: "This site may not do that.",
		Params:  []Param{{Name: "right", Type: "string", Values: []string{"authenticate", "sign", "managePIN"}, Meaning: "the right that is missing"}},
		Meaning: "The origin is allowed, but without the right that the request needs.",
		Fix:     "The site asks the administrator to grant its origin the right.",
	},
	signin.CodeInvalidRequest: {
		By: ByAgent, Who: WhoSite, Retry: false, Number: numberInvalidParams,
		Message: "The page sent a request that is not right.",
		Params: []Param{
			{Name: "field", Type: "string", Optional: true, Meaning: "the name of the field, absent when the whole message is meant"},
			{Name: "problem", Type: "string", Values: []string{
				ProblemSyntax, ProblemBatch, ProblemNotObject, ProblemUnknown, ProblemMissing, ProblemDuplicate, ProblemWrongType, ProblemBadValue, ProblemOrder,
			}, Meaning: "what is wrong with it"},
		},
		Meaning: "A field is unknown, missing, there twice, in the wrong case, of the wrong type or out of its range, or the message is no request at all. No card was touched.",
		Fix:     "The site corrects its code. The field and the problem say where.",
	},
	CodeUnsupported: {
		By: ByAgent, Who: WhoSite, Retry: false, Number: numberUnknownMethod,
		Message: "This Cardea cannot do that.",
		Meaning: "The method does not exist in the agent. `capabilities` names the methods that do.",
		Fix:     "The site looks at `capabilities` first and offers another way, or asks the administrator for a newer Cardea.",
	},
	CodeVersionTooOld: {
		By: ByAgent, Who: WhoSite, Retry: false, Number: numberAgent,
		Message: "The page and Cardea are of versions that do not fit together.",
		Params: []Param{
			{Name: "side", Type: "string", Values: []string{"page", "agent"}, Meaning: "which of the two is too old"},
		},
		Meaning: "The page's library speaks only versions of the protocol that the agent gave up (`page`), or the agent is too old for the library (`agent`, made by the library, with who `admin`).",
		Fix:     "With `page` the site updates its client library. With `agent` the administrator updates Cardea.",
	},
	signin.CodeSessionUnknown: {
		By: ByAgent, Who: WhoSite, Retry: false, Number: numberAgent,
		Message: "Cardea does not know this session.",
		Meaning: "The session id is not one of this user's and this site's: it was made up, it belongs to another site, or the agent was restarted since.",
		Fix:     "The site forgets the session and signs the user in anew.",
	},
	signin.CodeInternal: {
		By: ByAgent, Who: WhoAdmin, Retry: true, Number: numberInternal,
		Message: "Cardea had a problem of its own.",
		Params:  []Param{{Name: "incident", Type: "string", Meaning: "the name of this case in the agent's log"}},
		Meaning: "Something happened in the agent that it has no code for. The cause is in its log beside the incident, and nowhere else.",
		Fix:     "The user tries again. If it lasts, the administrator looks the incident up in the agent's log.",
	},
}
