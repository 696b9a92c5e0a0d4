// The pages behind the sign-in: attach to the session, cover the page while the
// card is out, carry on when it has signed again, and sign out.
import { clearError, connectAgent, element, isBusy, pause, post, setBusy, showError, showNoStatus, showProgress, showStatus, t } from "/assets/portal.js";

const { session, locked: servedLocked } = document.body.dataset;
const dialog = element("locked");
const resume = element("resume");
const trouble = element("locked-error");
const progress = element("locked-progress");
const others = new BroadcastChannel("cardea-portal"); // this browser's other pages
let cardea;
let attaching;
let needsPIN = servedLocked === "true"; // the server gives nothing out without
let cardOut; // what a card that is out does to the page; undefined while it is in
let leaving = false;
let deadline; // the timer that signs out when the agent stays away; undefined while it is there

dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => { if (covered()) { dialog.showModal(); } });
resume.addEventListener("click", carryOn);
element("signout").form.addEventListener("submit", (event) => { event.preventDefault(); signOut(); });
element("signout-locked").addEventListener("click", signOut);
others.addEventListener("message", ({ data }) => (data === "unlocked" ? unlocked() : leave(data)));
addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });
begin();

/** Attaches, and keeps trying while there is no agent. */
async function begin() {
  for (let attempt = 0; !cardea && !leaving; attempt++) {
    try {
      await attach();
    } catch (error) {
      cover("lost", {});
      showNoStatus(error);
      showError(error, trouble);
      if (error.code === "loopbackDismissed") {
        return; // only a click may make the browser ask
      }
      await pause(attempt);
    }
  }
}

/** Joins the session on the first connection. The client rejoins after a loss. */
function attach() {
  attaching ??= joined().finally(() => { attaching = undefined; });
  return attaching;
}

async function joined() {
  const made = await connectAgent();
  made.on("session", heard);
  made.on("lost", showNoStatus);
  try {
    stand(await made.attach(session), made.agent.removal.action);
    await made.watch(showStatus);
  } catch (error) {
    made.close();
    if (error.code === "sessionUnknown") {
      await leave("unknown");
      return;
    }
    throw error;
  }
  cardea = made;
}

/** What the agent says of the session at one moment, and what it does when the card is out. */
function stand({ state, graceLeft, why }, action) {
  clearTimeout(deadline);
  deadline = cardOut = undefined;
  if (state === "ended") {
    leave(why ?? "unknown");
  } else if (state === "removed" || state === "locked") {
    away(state === "locked" ? "lock" : action, graceLeft);
  } else if (needsPIN) {
    cover("returned", {});
  } else {
    uncover();
  }
}

/** What happens to the session, as it happens. */
function heard(event) {
  switch (event.event) {
    case "cardRemoved":
      if (event.action !== "none") {
        away(event.action, event.graceSeconds);
      }
      break;
    case "cardReturned":
      cardOut = undefined;
      returned();
      break;
    case "resumed": // this page's own doing, or another's
      cardOut = undefined;
      break;
    case "differentCard":
      if (covered()) {
        element("locked-text").textContent = t("locked.different");
      }
      break;
    case "agentLost":
      lost(event);
      break;
    case "agentReturned":
      stand(event, cardea.agent.removal.action);
      break;
    case "ended":
      leave(event.why);
      break;
  }
}

function away(action, graceSeconds) {
  cardOut = action;
  if (action === "lock") {
    lock();
  }
  cover(action === "lock" ? "putBack" : "putBackSignOut", { seconds: graceSeconds });
}

/** From now on the server gives nothing out either. */
function lock() {
  if (!needsPIN) {
    needsPIN = true;
    post("/lock", { session }).catch((error) => { if (error.code === "signedOut") { leave("signedOut"); } });
  }
}

function returned() {
  if (!needsPIN) {
    uncover();
    return;
  }
  cover("returned", {});
  if (document.visibilityState === "visible") {
    carryOn();
  }
}

/** The agent went away: the page does what a card that was taken out would make it do. */
function lost({ action, graceSeconds }) {
  if (action === "none") {
    return;
  }
  cover("lost", { seconds: graceSeconds });
  deadline = setTimeout(() => leave("agentLost"), graceSeconds * 1000);
}

const covered = () => document.body.dataset.standing !== "present";

const headings = { lost: "locked.headingLost", putBackSignOut: "locked.headingAway" };

function cover(why, { seconds }) {
  document.body.dataset.standing = why;
  element("locked-heading").textContent = t(headings[why] ?? "locked.heading");
  element("locked-text").textContent = t(`locked.${why}`);
  if (why !== "returned") {
    const time = seconds && new Date(Date.now() + seconds * 1000).toLocaleTimeString([document.documentElement.lang, "en-GB"], { hour: "numeric", minute: "2-digit" });
    element("locked-until").textContent = servedLocked === "true" ? "" : t(time ? "locked.until" : "locked.kept", { time });
  }
  resume.hidden = why === "putBackSignOut";
  resume.textContent = t(why === "lost" ? "locked.tryAgain" : "locked.resume");
  clearError(trouble);
  if (!dialog.open) {
    dialog.showModal();
    document.dispatchEvent(new Event("covered"));
  }
}

function uncover() {
  if (servedLocked === "true") {
    location.reload(); // the server kept the page back
    return;
  }
  document.body.dataset.standing = "present";
  clearError(trouble);
  dialog.close(); // the focus goes back to where it was
}

function unlocked() {
  needsPIN = false;
  if (cardOut === "lock") {
    lock(); // it was taken out again before the server had unlocked
  } else if (!cardOut && !deadline) {
    uncover();
  }
}

/** The same card signs again, and the page goes on where it was. */
async function carryOn() {
  if (isBusy(resume)) {
    return;
  }
  setBusy(resume, true);
  clearError(trouble);
  try {
    if (!cardea) {
      await attach();
    }
    if (needsPIN && !leaving) {
      const { nonce } = await post("/challenge");
      const onProgress = ({ phase, triesLeft }) => showProgress(phase, triesLeft, progress);
      const { token } = await cardea.resume(session, nonce, { onProgress, lang: document.documentElement.lang });
      await post("/resume", { token });
      others.postMessage("unlocked");
      unlocked();
    }
  } catch (error) {
    if (error.code === "signedOut" || error.code === "sessionUnknown") {
      await leave("signedOut");
    } else if (covered()) {
      showError(error, trouble);
    }
  } finally {
    setBusy(resume, false);
    showProgress(undefined, undefined, progress);
  }
}

async function signOut() {
  // The agent may be away: the site's own session ends all the same.
  await cardea?.endSession(session, { signal: AbortSignal.timeout(2000) }).catch(() => {});
  await leave("endSession");
}

/** Ends the site's session and goes to the sign-in page, which says why. */
async function leave(why) {
  if (leaving) {
    return;
  }
  leaving = true;
  others.postMessage(why);
  document.body.dataset.standing = "leaving";
  await post("/logout", { session }).catch(() => {});
  location.replace(`/?ended=${encodeURIComponent(why)}`);
}
