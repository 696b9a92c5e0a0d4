/*! @cardea/client 1.0.0, Apache-2.0 */

// src/help.ts
var help = {
  agentLost: {
    by: "client",
    means: "The agent ended or closed the connection while the page used it. The client library tries to come back by itself.",
    fix: "The user waits a moment and tries again. If it lasts, the user starts Cardea again."
  },
  busy: {
    by: "agent",
    means: "Another page or program has a PIN operation under way with this card, or this site asked again too soon after a cancelled request.",
    fix: "The user finishes or closes the other PIN window and tries again."
  },
  cancelled: {
    by: "agent",
    means: "The user closed the PIN window, or the page cancelled its own request.",
    fix: "The user tries again when they want to."
  },
  cardRemoved: {
    by: "agent",
    means: "The card left the reader before the operation was done and did not come back in time.",
    fix: "The user puts the card in and leaves it there until the sign-in is done."
  },
  cardUnknown: {
    by: "agent",
    means: "The card in the reader is not a PIV card, and no configured module knows it. It may be another card of the user's, such as a bank card.",
    fix: "The user puts the right card in. If it is the right one, the administrator configures its module."
  },
  cardUnreadable: {
    by: "agent",
    means: "A card is in the reader, but it does not answer as a card should: wrong way round, dirty, damaged, or a reader with a wrong driver.",
    fix: "The user takes the card out, checks which way round it goes and puts it in again. If other cards fail too, the administrator checks the reader and its driver."
  },
  internal: {
    by: "agent",
    means: "Something happened in the agent that it has no code for. The cause is in its log beside the incident, and nowhere else.",
    fix: "The user tries again. If it lasts, the administrator looks the incident up in the agent's log."
  },
  invalidRequest: {
    by: "agent",
    means: "A field is unknown, missing, there twice, in the wrong case, of the wrong type or out of its range, or the message is no request at all. No card was touched.",
    fix: "The site corrects its code. The field and the problem say where."
  },
  loopbackBlockedInFrame: {
    by: "client",
    means: 'The page runs in an iframe without `allow="loopback-network"`, or a `Permissions-Policy` header forbids it.',
    fix: 'The embedding site adds `allow="loopback-network"` to the iframe and lets its `Permissions-Policy` name the origin.'
  },
  loopbackDenied: {
    by: "client",
    means: "The browser's permission for loopback connections (`loopback-network`) is denied for this site, by the user, by a policy, or after three dismissed questions.",
    fix: "The user allows access to apps on this device in the browser's site settings. The administrator can allow it for all with the browser policy `LoopbackNetworkAllowedForUrls`."
  },
  loopbackDismissed: {
    by: "client",
    means: "The browser's question about loopback connections was closed without an answer, or it could not be asked because the page connected without a click.",
    fix: "The user tries again with a click and answers Allow. After three dismissals the browser takes it as a No."
  },
  moduleFailed: {
    by: "agent",
    means: "The PKCS#11 module crashed, did not answer in time or refused to work.",
    fix: "The user tries again once. If it lasts, the administrator updates the module."
  },
  moduleMissing: {
    by: "agent",
    means: "The PKCS#11 module that the policy names for this card does not exist or may not be loaded.",
    fix: "The administrator installs the module, or corrects its path in the policy."
  },
  noCard: {
    by: "agent",
    means: "The time limit ran out while a card was awaited, or the session's card is not in a reader.",
    fix: "The user puts the card in."
  },
  noPromptUI: {
    by: "agent",
    means: "No part of Cardea that can ask for a PIN runs in this desktop session, or it went away while it asked.",
    fix: "The user signs out of the desktop and in again. If it lasts, the administrator checks that the tray program starts with the session."
  },
  noReader: {
    by: "agent",
    means: "The smartcard service knows no reader.",
    fix: "The user plugs a card reader in. If it is plugged in, the administrator checks its driver or, on a remote desktop, its redirection."
  },
  noService: {
    by: "agent",
    means: "The operating system's smartcard service (PC/SC) is stopped or missing.",
    fix: "The user plugs the reader in again or restarts the computer. If that does not help, the administrator starts the service."
  },
  noUsableCertificate: {
    by: "agent",
    means: "The card was read, but none of its certificates may do what was asked for, signing in or signing documents: there is none, or it has expired, is not valid yet, is for another usage, or comes from an issuer that the policy does not accept. `bothUsages`: a key that can also sign people in signs no documents.",
    fix: "The card issuer renews the certificate or the card. With `wrongUsage` and `wrongIssuer` the administrator checks the policy too."
  },
  notPermitted: {
    by: "agent",
    means: "The origin is allowed, but without the right that the request needs.",
    fix: "The site asks the administrator to grant its origin the right."
  },
  notRunning: {
    by: "client",
    means: "Nothing accepts connections on the agent's port: Cardea is not installed, is stopped, or does not run in this desktop session.",
    fix: "The user starts Cardea or signs in to the computer again. If it is not installed, the administrator installs it."
  },
  originRefused: {
    by: "client",
    means: "Something answers on the agent's port, and refused the connection: most often the page's origin is not on the list of allowed origins. Too many connections and a stopping agent look the same to a page, and so does another program on the port.",
    fix: "The administrator adds the exact origin to the policy. Where the policy lets users decide, the user answers Cardea's question with Allow and clicks again."
  },
  pinBlocked: {
    by: "agent",
    means: "Too many wrong PINs were typed, and the card refuses to check any more.",
    fix: "The card issuer unblocks the card, or the user does with the unblocking code (PUK) that came with it."
  },
  pinNotSet: {
    by: "agent",
    means: "The card was issued without a PIN, or with one that must be changed before its first use.",
    fix: "The card issuer, or the user with the issuer's tool, sets the PIN."
  },
  pinWrong: {
    by: "agent",
    means: "The user typed a wrong PIN and then gave up.",
    fix: "The user tries again with the right PIN. Somebody who does not remember it asks the card issuer before the last try is spent."
  },
  sessionLocked: {
    by: "agent",
    means: "The user's desktop session is locked or is not the one at the screen.",
    fix: "The user unlocks the desktop and tries again."
  },
  sessionUnknown: {
    by: "agent",
    means: "The session id is not one of this user's and this site's: it was made up, it belongs to another site, or the agent was restarted since.",
    fix: "The site forgets the session and signs the user in anew."
  },
  timedOut: {
    by: "agent",
    means: "The request's time limit ran out while something of the user was awaited that has no code of its own, such as the PIN.",
    fix: "The user tries again and looks for the PIN window, which may be behind another one."
  },
  unsupported: {
    by: "agent",
    means: "The method does not exist in the agent. `capabilities` names the methods that do.",
    fix: "The site looks at `capabilities` first and offers another way, or asks the administrator for a newer Cardea."
  },
  versionTooOld: {
    by: "agent",
    means: "The page's library speaks only versions of the protocol that the agent gave up (`page`), or the agent is too old for the library (`agent`, made by the library, with who `admin`).",
    fix: "With `page` the site updates its client library. With `agent` the administrator updates Cardea."
  }
};
export {
  help
};
