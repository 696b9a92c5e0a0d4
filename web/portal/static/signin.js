// The sign-in page: shows how the card stands, and signs in on a click.
import { clearError, connectAgent, element, isBusy, pause, post, setBusy, showError, showNoStatus, showProgress, showStatus, t } from "/assets/portal.js";

const button = element("signin");
const cancel = element("cancel");
let cardea;
let request;

button.addEventListener("click", signIn);
cancel.addEventListener("click", () => request?.abort());
sayWhyEnded();
look();

/** Connects if the browser lets a page do so unasked, and tries again if there is no agent yet. */
async function look() {
  for (let attempt = 0; !cardea; attempt++) {
    try {
      await agent();
    } catch (error) {
      showNoStatus(error);
      if (error.code === "loopbackDismissed") {
        return; // only a click may make the browser ask: within moments of one, so would this
      }
      await pause(attempt);
    }
  }
}

/** The connection. It comes back by itself once it was there. */
async function agent(signal) {
  if (!cardea) {
    const made = await connectAgent({ signal });
    if (cardea) {
      made.close(); // a click and the look-out were at it together
    } else {
      cardea = made;
      made.on("lost", showNoStatus);
      made.watch(showStatus).catch(showNoStatus);
    }
  }
  return cardea;
}

async function signIn() {
  if (isBusy(button)) {
    return;
  }
  request = new AbortController();
  const { signal } = request;
  working(true);
  try {
    showProgress("connecting");
    const client = await agent(signal); // first: the browser counts the click for a moment only
    const { nonce } = await post("/challenge");
    const onProgress = ({ phase, triesLeft }) => showProgress(phase, triesLeft);
    const { token, session } = await client.authenticate(nonce, { signal, onProgress, lang: document.documentElement.lang });
    await enter(client, token, session);
  } catch (error) {
    working(false);
    if (!signal.aborted) {
      showError(error);
    }
  }
}

async function enter(client, token, session) {
  cancel.hidden = true;
  element("progress").textContent = t("signIn.signingIn");
  try {
    await post("/login", { token, session });
  } catch (error) {
    client.endSession(session).catch(() => {}); // the agent forgets it later by itself
    throw error;
  }
  location.replace(element("then").value);
}

function working(is) {
  setBusy(button, is);
  button.textContent = t(is ? "signIn.working" : "signIn.button");
  if (!is && document.activeElement === cancel) {
    button.focus();
  }
  cancel.hidden = !is;
  showProgress();
  if (is) {
    clearError();
    element("ended").hidden = true;
  }
}

/** Says why the page before this one signed the person out. */
function sayWhyEnded() {
  const why = new URLSearchParams(location.search).get("ended");
  const text = t(`ended.${why}`);
  if (why && text !== `ended.${why}`) {
    element("ended").textContent = text;
    element("ended").hidden = false;
    history.replaceState(null, "", "/");
  }
}

// A page that comes back out of the browser's memory is not at work any more.
addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });
