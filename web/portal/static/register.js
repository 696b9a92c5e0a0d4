// The page on which a card is registered: finds out what this computer has, and
// has the card sign on a click.
import { clearError, connectAgent, element, isBusy, pause, post, setBusy, showError, showProgress, t } from "/assets/portal.js";

const button = element("register-card"); // only on the third step
const cancel = element("cancel");
let cardea;
let request;

button?.addEventListener("click", register);
cancel?.addEventListener("click", () => request?.abort());
document.addEventListener("covered", () => request?.abort()); // the card is wanted for the page first
const fit = isSecureContext && "WebSocket" in window && "showModal" in HTMLDialogElement.prototype;
check("browserFit", fit ? "met" : "missing");
look();

/** Looks for the agent, and goes on looking. The browser may want a click first. */
async function look() {
  for (let attempt = 0; !cardea; attempt++) {
    try {
      await agent();
    } catch (error) {
      withoutAgent(error);
      if (error.code === "loopbackDismissed") {
        return;
      }
      await pause(attempt);
    }
  }
}

async function agent(signal) {
  if (!cardea) {
    const made = await connectAgent({ signal });
    if (cardea) {
      made.close(); // a click and the look-out were at it together
    } else {
      cardea = made;
      made.on("lost", withoutAgent);
      made.on("back", () => check("agentFound", "met"));
      made.watch(withAgent).catch(withoutAgent);
    }
  }
  return cardea;
}

function withAgent({ state }) {
  check("agentFound", "met");
  check("cardReadable", findings[state] ?? "unknown", t(`status.${state}`));
}

/** What a state says about the card. It may yet be put in. */
const findings = {
  ready: "met", busy: "met",
  cardUnreadable: "missing", cardUnknown: "missing", noUsableCertificate: "missing", pinBlocked: "missing", serviceDown: "missing",
};

function withoutAgent(error) {
  if (error.code === "loopbackDismissed") {
    check("agentFound", "unknown", t("status.askLater"));
  } else {
    check("agentFound", "missing", `${t(`error.${error.code}`)} ${t(`try.${error.code}`)}`);
  }
  check("cardReadable", "unknown");
}

/** Says what is known of a prerequisite, in its own words or in better ones. */
function check(name, finding, words = t(`register.${name}.${finding}`)) {
  const line = element(`check-${name}`);
  line.dataset.finding = finding;
  const text = line.querySelector("span");
  if (text.textContent !== words) {
    text.textContent = words;
  }
}

async function register() {
  if (isBusy(button)) {
    return;
  }
  if (!fit) { // a page of the card's could not lock
    element("checks").scrollIntoView();
    return;
  }
  request = new AbortController();
  const { signal } = request;
  working(true);
  try {
    showProgress("connecting");
    const client = await agent(signal); // first: the browser counts the click for a moment only
    await post("/register/check");
    const { nonce } = await post("/challenge");
    const onProgress = ({ phase, triesLeft }) => showProgress(phase, triesLeft);
    const { token, session } = await client.authenticate(nonce, { signal, onProgress, lang: document.documentElement.lang });
    await finish(client, token, session);
  } catch (error) {
    working(false);
    if (error.code === "reauthenticationNeeded") {
      location.assign("/confirm?then=/register");
    } else if (!signal.aborted) {
      showError(error);
    }
  }
}

async function finish(client, token, session) {
  cancel.hidden = true;
  let entered = false;
  try {
    ({ entered } = await post("/register/finish", { token, session }));
  } finally {
    if (!entered) {
      client.endSession(session).catch(() => {}); // the agent forgets it later by itself
    }
  }
  location.replace("/registered");
}

function working(is) {
  setBusy(button, is);
  if (!is && document.activeElement === cancel) {
    button.focus();
  }
  cancel.hidden = !is;
  showProgress();
  if (is) {
    clearError();
  }
}

// A page that comes back out of the browser's memory is not at work any more.
addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });
