// The page where a card shows once more who somebody is.
import { clearError, connectAgent, element, isBusy, post, setBusy, showError, showProgress, t } from "/assets/portal.js";

const button = element("confirm");
const cancel = element("cancel");
let request;

button.addEventListener("click", confirm);
cancel.addEventListener("click", () => request?.abort());
document.addEventListener("covered", () => request?.abort()); // the card is wanted for the page first

async function confirm() {
  if (isBusy(button)) {
    return;
  }
  request = new AbortController();
  const { signal } = request;
  working(true);
  try {
    showProgress("connecting");
    const client = await connectAgent({ signal }); // first: the browser counts the click for a moment only
    try {
      await prove(client, signal);
    } finally {
      client.close();
    }
    location.replace(element("then").value);
  } catch (error) {
    if (error.code === "signedOut" || error.code === "sessionExpired") {
      location.replace(`/?ended=${error.code}`);
      return;
    }
    working(false);
    if (!signal.aborted) {
      showError(error);
    }
  }
}

/** The agent begins a session with each signature. This page has no use for it. */
async function prove(client, signal) {
  const { nonce } = await post("/challenge");
  const onProgress = ({ phase, triesLeft }) => showProgress(phase, triesLeft);
  const { token, session } = await client.authenticate(nonce, { signal, onProgress, lang: document.documentElement.lang });
  cancel.hidden = true;
  element("progress").textContent = t("confirm.cardSigned");
  await Promise.all([
    post("/confirm/card", { token }),
    client.endSession(session).catch(() => {}), // the agent forgets it later by itself
  ]);
}

function working(is) {
  setBusy(button, is);
  button.textContent = t(is ? "confirm.working" : "confirm.card");
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
