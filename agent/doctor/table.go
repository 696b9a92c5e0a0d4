package doctor

import "github.com/cardea-agent/cardea/agent/protocol"

// The codes. What they mean is in Table.
const (
	ServiceRuns   Code = "serviceRuns"
	ServiceDown   Code = "serviceDown"
	ServiceDenied Code = "serviceDenied"

	ReaderFound         Code = "readerFound"
	NoReader            Code = "noReader"
	ReaderWithoutDriver Code = "readerWithoutDriver"

	CardKnown      Code = "cardKnown"
	NoCard         Code = "noCard"
	CardUnreadable Code = "cardUnreadable"
	CardUnknown    Code = "cardUnknown"
	CardBusy       Code = "cardBusy"
	PINLow         Code = "pinLow"
	PINBlocked     Code = "pinBlocked"

	CertificateUsable   Code = "certificateUsable"
	CertificateExpiring Code = "certificateExpiring"
	CertificateExpired  Code = "certificateExpired"
	CertificateTooEarly Code = "certificateTooEarly"
	CertificateExcluded Code = "certificateExcluded"
	NoCertificate       Code = "noCertificate"

	ClockPlausible Code = "clockPlausible"
	ClockBehind    Code = "clockBehind"

	ModuleSound        Code = "moduleSound"
	ModuleMissing      Code = "moduleMissing"
	ModuleUntrusted    Code = "moduleUntrusted"
	ModuleArchitecture Code = "moduleArchitecture"
	ModuleBroken       Code = "moduleBroken"
	CardListBroken     Code = "cardListBroken"

	AgentRuns         Code = "agentRuns"
	AgentMissing      Code = "agentMissing"
	AgentForeign      Code = "agentForeign"
	AgentOtherVersion Code = "agentOtherVersion"
	SystemLogMissing  Code = "systemLogMissing"
	VersionsOfParts   Code = "versions"

	TrayConnected    Code = "trayConnected"
	TrayMissing      Code = "trayMissing"
	TrayOtherVersion Code = "trayOtherVersion"
	TerminalAsks     Code = "terminalAsks"

	PortOurs           Code = "portOurs"
	PortBroker         Code = "portBroker"
	PortFree           Code = "portFree"
	PortForeign        Code = "portForeign"
	PortOtherUser      Code = "portOtherUser"
	PortDiffers        Code = "portDiffers"
	PortHalf           Code = "portHalf"
	LoopbackWorks      Code = "loopbackWorks"
	LoopbackBroken     Code = "loopbackBroken"
	LoopbackOneFamily  Code = "loopbackOneFamily"
	LocalhostElsewhere Code = "localhostElsewhere"

	PolicyGood Code = "policyGood"
	PolicyBad  Code = "policyBad"
	PolicyOld  Code = "policyOld"
	PolicyOwn  Code = "policyOwn"
	// PolicyPersonal is of the person's own file, which alone is left out.
	PolicyPersonal Code = "policyPersonal"
	AutostartOff   Code = "autostartOff"
	OriginListed   Code = "originListed"
	OriginsAsked   Code = "originsAsked"
	NoOrigin       Code = "noOrigin"

	BrowserAllows       Code = "browserAllows"
	BrowserAsks         Code = "browserAsks"
	BrowserBlocks       Code = "browserBlocks"
	BrowserPolicyBroken Code = "browserPolicyBroken"
	NoBrowser           Code = "noBrowser"

	SessionAtScreen Code = "sessionAtScreen"
	SessionRemote   Code = "sessionRemote"
	SessionLocked   Code = "sessionLocked"
	SessionNone     Code = "sessionNone"

	CheckTimedOut Code = "checkTimedOut"
	CheckFailed   Code = "checkFailed"
)

const (
	user   = protocol.WhoUser
	admin  = protocol.WhoAdmin
	issuer = protocol.WhoCardIssuer
)

// Table is the one table of codes.
var Table = map[Code]Row{
	ServiceRuns: {Service, OK, "", "The operating system's smartcard service answers.", ""},
	ServiceDown: {Service, Problem, admin, "The operating system's smartcard service (PC/SC) is stopped or missing, so no reader can be used.",
		"Restart the computer. If that does not help, start the service: pcscd on Linux (package pcscd or pcsc-lite), \"Smart Card\" (SCardSvr) on Windows."},
	ServiceDenied: {Service, Problem, admin, "The smartcard service runs, and this user may not use it.",
		"Let the user's session use it. On Linux that is polkit's action org.debian.pcsc-lite.access_pcsc; a remote session often may not."},

	ReaderFound: {Readers, OK, "", "The reader is connected and has a driver.", ""},
	NoReader: {Readers, Problem, user, "The smartcard service knows no reader.",
		"Plug the reader in, directly and not through a hub. On a remote desktop, connect again with smartcards redirected."},
	ReaderWithoutDriver: {Readers, Problem, admin, "A device is plugged in that says it is a card reader, and the smartcard service does not list it: its driver is missing or failed.",
		"Install the driver: libccid (or ccid) on Linux, the manufacturer's on Windows and macOS. Then plug the reader in again."},

	CardKnown: {Cards, OK, "", "The card can be spoken to.", ""},
	NoCard:    {Cards, Note, "", "No reader holds a card, so card and certificates were not looked at.", ""},
	CardUnreadable: {Cards, Problem, user, "A card is in the reader and does not answer as a card should: it is the wrong way round, dirty or damaged, or the reader's driver is wrong.",
		"Take the card out, wipe its chip, and put it in the right way round. If other cards fail too, the reader or its driver is at fault."},
	CardUnknown: {Cards, Problem, admin, "The card is no PIV card, and no module that is installed and listed knows it.",
		"Put the right card in. If it is the right one, add its kind to a card list (cards.list) and install its module."},
	CardBusy: {Cards, Note, "", "The card was not read in time: another program, or a sign-in, is using it.", ""},
	PINLow: {Cards, Warning, user, "A wrong PIN was typed before. When no try is left, the card is blocked.",
		"Type the right PIN once, which gives all tries back. Whoever does not remember it asks the card issuer before the last try."},
	PINBlocked: {Cards, Problem, issuer, "Too many wrong PINs were typed, and the card checks no more.",
		"The card issuer unblocks the card, or its holder does with the unblocking code (PUK)."},

	CertificateUsable: {Certificates, OK, "", "The certificate may sign its holder in.", ""},
	CertificateExpiring: {Certificates, Warning, issuer, "The certificate expires soon. After that day the card signs nobody in.",
		"Have the certificate renewed by the card issuer in good time."},
	CertificateExpired: {Certificates, Problem, issuer, "The certificate has expired.",
		"The card issuer renews the certificate or the card. If the date on this computer is wrong, set it right first."},
	CertificateTooEarly: {Certificates, Problem, issuer, "The certificate is not valid yet.",
		"If the date on this computer is right, wait until the certificate's first day, or ask the card issuer."},
	CertificateExcluded: {Certificates, Note, "", "The certificate is for another use, or the policy excludes it. That is as it should be for a card's certificates for signing and for encryption.", ""},
	NoCertificate: {Certificates, Problem, issuer, "The card has no certificate that may sign its holder in.",
		"The card issuer puts one on it. If the card has one, the policy's rules ([certificate]) exclude it: what was seen names the rule."},

	ClockPlausible: {Clock, OK, "", "The computer's date agrees with the program and the card.", ""},
	ClockBehind: {Clock, Problem, admin, "The computer's date is before the day on which the program was made or the card's certificates began, so certificates are judged wrongly.",
		"Set date and time, and have the computer keep them by a time server."},

	ModuleSound: {Modules, OK, "", "The card software can be loaded.", ""},
	ModuleMissing: {Modules, Problem, admin, "The card in the reader needs software (a PKCS#11 module) that is not installed.",
		"Install the module, or correct its path in the card list."},
	ModuleUntrusted: {Modules, Problem, admin, "The card software's file, or a folder above it, can be changed by others than administrators, so it is not loaded.",
		"Give the file and the folders to the administrators alone."},
	ModuleArchitecture: {Modules, Problem, admin, "The card software is built for another kind of processor or system than Cardea.",
		"Install the module for this system, as 64 bits where Cardea is."},
	ModuleBroken: {Modules, Problem, admin, "The card software's file is damaged, is no library, or fails when it is loaded.",
		"Install the module again, with whatever it needs."},
	CardListBroken: {Modules, Problem, admin, "The list of further cards that the policy names cannot be used, so the agent does not start.",
		"Correct the file. What was seen says where the fault is."},

	AgentRuns: {Agent, OK, "", "The agent runs in this session.", ""},
	AgentMissing: {Agent, Problem, user, "No agent runs in this session, so pages are told that Cardea is not running.",
		"Sign out of the computer and in again. If it does not start then, the administrator looks at its log and at how it is started."},
	AgentForeign: {Agent, Problem, admin, "Something that belongs to another user stands where this user's agent should be.",
		"Remove it. It may be an attempt to collect PINs."},
	AgentOtherVersion: {Agent, Warning, user, "The agent that runs is of another version than the program that is installed.",
		"Sign out of the computer and in again, which starts the installed one."},
	SystemLogMissing: {Agent, Warning, admin, "Decisions about PINs and signatures are not in the system's log. They are in the person's own audit log.",
		"Start the log service: systemd-journald or a syslog daemon on Linux."},
	VersionsOfParts: {Agent, OK, "", "These are the versions of the parts.", ""},

	TrayConnected: {Tray, OK, "", "The program that shows the PIN window runs.", ""},
	TrayMissing: {Tray, Problem, user, "The program that shows the PIN window (cardea-tray) does not run in this session, so nobody can be asked for a PIN.",
		"Start Cardea from the menu, or sign out and in again. If it ends at once, the desktop may lack OpenGL."},
	TrayOtherVersion: {Tray, Warning, user, "Tray and agent are of different versions.",
		"Sign out of the computer and in again, which starts both anew."},
	TerminalAsks: {Tray, Note, "", "The agent asks for the PIN in a terminal, as it was started to. No tray is needed.", ""},

	PortOurs:   {Port, OK, "", "The agent listens on its port, on both kinds of address that this computer has.", ""},
	PortBroker: {Port, OK, "", "Cardea's machine service has the port, and hands each connection to the agent of the person whose browser made it.", ""},
	PortFree: {Port, Problem, user, "Nothing listens on the agent's port, so pages are told that Cardea is not running.",
		"Sign out of the computer and in again. If the agent does not start then, its log says why."},
	PortForeign: {Port, Problem, admin, "Another program has the agent's port, so the agent cannot start and pages talk to that program.",
		"End that program, or give one of the two another port (listen.port)."},
	PortOtherUser: {Port, Problem, admin, "A program of another user has the agent's port. Where several people use a computer at once, only the first agent gets it.",
		"Have the other user sign out, or set Cardea's machine service up."},
	PortDiffers: {Port, Warning, admin, "The policy (listen.port) names another port than the one that the machine service's socket has. Pages reach the socket's.",
		"Give the socket unit (cardea-broker.socket) and listen.port the same port. Sites have to name it too."},
	PortHalf: {Port, Problem, admin, "The agent's port is served on one of the two kinds of loopback address and not on the other, or by two programs. Pages that use the other name fail.",
		"End the other program, and start the agent again."},
	LoopbackWorks: {Port, OK, "", "The computer can reach itself.", ""},
	LoopbackBroken: {Port, Problem, admin, "The computer cannot reach itself over the network (loopback): it is turned off, or a firewall or security product blocks it.",
		"Turn loopback on, and exempt 127.0.0.1 and ::1 in the firewall or security product."},
	LoopbackOneFamily: {Port, Note, "", "The computer has IPv4 loopback alone. Cardea needs no more.", ""},
	LocalhostElsewhere: {Port, Warning, admin, "The name localhost leads to another address than this computer's loopback.",
		"Correct the hosts file: localhost is 127.0.0.1 and ::1."},

	PolicyGood: {Policy, OK, "", "The policy can be read.", ""},
	PolicyBad: {Policy, Problem, admin, "The policy as it is written cannot be used. An agent that starts does not run with it; one that runs keeps the last good one.",
		"Correct it. \"cardea-agent policy check FILE\" tries a file out."},
	PolicyOld: {Policy, Warning, admin, "The agent that runs does not follow the policy that is written now.",
		"Correct the policy, or start the agent again."},
	PolicyOwn: {Policy, Note, "", "The agent was started with a policy file of its own, instead of this system's policy.", ""},
	PolicyPersonal: {Policy, Warning, user, "The person's own settings cannot be used as they are, and are left out.",
		"Correct or remove the file that was seen."},
	AutostartOff: {Policy, Warning, admin, "The policy keeps agent and tray from starting by themselves, so nobody can sign in until somebody starts them by hand.",
		"Turn autostart on when this computer is to use Cardea. It counts when a person signs in to the computer."},
	OriginListed: {Policy, OK, "", "This site may ask.", ""},
	OriginsAsked: {Policy, Note, "", "A site that is not listed gets in when the person says yes to it. Their answers are under \"Websites\" in the tray's menu.", ""},
	NoOrigin: {Policy, Problem, admin, "The policy lists no site, so no page may ask for a sign-in.",
		"Add the sites to the policy ([[origin]])."},

	BrowserAllows: {Browsers, OK, "", "The browser lets the sites reach Cardea without asking.", ""},
	BrowserAsks: {Browsers, Warning, admin, "The browser asks each person before a site may reach Cardea, and takes three dismissals for a No.",
		"Have it allow the sites by policy: \"cardea-agent browser-policy --apply\"."},
	BrowserBlocks: {Browsers, Problem, admin, "A policy of the browser keeps sites from reaching Cardea.",
		"Take the sites out of the policy that was seen."},
	BrowserPolicyBroken: {Browsers, Problem, admin, "A policy of the browser cannot be read, so the browser ignores it or all of its policies.",
		"Correct or remove the file that was seen."},
	NoBrowser: {Browsers, Note, "", "None of the browsers that Cardea knows is installed.", ""},

	SessionAtScreen: {Session, OK, "", "The session is the one at this computer's screen.", ""},
	SessionRemote:   {Session, Note, "", "This is a remote session. A reader at the computer that runs it is not this session's: the reader is redirected from where the person sits.", ""},
	SessionLocked: {Session, Problem, user, "The desktop is locked, so nobody can be asked for a PIN.",
		"Unlock it."},
	SessionNone: {Session, Note, "", "This is no desktop session, so neither tray nor browser were to be expected.", ""},

	CheckTimedOut: {Checks, Warning, admin, "A check did not end in time, so nothing is known of what it looks at. A driver or a service may hang.",
		"Restart the computer and check again."},
	CheckFailed: {Checks, Warning, admin, "A check could not find out what it looks for.",
		"What was seen says why. Check again; if it lasts, send a support report."},
}
