package accounts

// What the lines of the audit trail are about. Details are in parentheses: by
// (password or card), address (of the network), email, card (its name), issuer
// and holder (of a card), policy (its version), status, reason, mail.
const (
	ActionUserCreated         = "userCreated"         // (email)
	ActionStatusChanged       = "statusChanged"       // (status, reason)
	ActionSignedIn            = "signedIn"            // (by, address, card)
	ActionSignInFailed        = "signInFailed"        // a wrong password (address)
	ActionSignInRefused       = "signInRefused"       // the account is inactive (by, address)
	ActionReauthenticated     = "reauthenticated"     // (by, card)
	ActionSignedOut           = "signedOut"           //
	ActionSignedOutEverywhere = "signedOutEverywhere" //
	ActionPolicyAccepted      = "policyAccepted"      // (policy)
	ActionRegistrationBegun   = "registrationBegun"   //
	ActionCardRegistered      = "cardRegistered"      // (card, issuer, holder)
	ActionCardRefused         = "cardRefused"         // by an actor; the subject has it (issuer, holder)
	ActionCardRenewed         = "cardRenewed"         // another certificate of its holder (card, issuer, holder)
	ActionCardNamed           = "cardNamed"           // (card, was)
	ActionCardRemoved         = "cardRemoved"         // (card, issuer, holder, reason)
	ActionDocumentsSigned     = "documentsSigned"     // (documents: how many; card, issuer, holder)
	ActionPasswordChanged     = "passwordChanged"     // by the user, or by the helpdesk (reason)
	ActionUserLookedUp        = "userLookedUp"        // (email)
	ActionTrailRead           = "trailRead"           //
	ActionMailFailed          = "mailFailed"          // (mail)
)

// The two ways to prove who one is.
const (
	byPassword = "password"
	byCard     = "card"
)
