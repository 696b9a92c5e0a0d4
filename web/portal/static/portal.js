// What all pages share: words, the server's answers, errors and the status line.
import { CardeaError, connect } from "/assets/cardea.js";

const { texts } = await import(`/assets/texts.${document.documentElement.dataset.language}.js`);
const plural = new Intl.PluralRules(document.documentElement.lang);

export const element = (id) => document.getElementById(id);

/** The text of a key, with {names} filled in; with a count, in its number. */
export function t(key, values = {}) {
  const numbered = values.count === undefined ? undefined : texts[`${key}.${plural.select(values.count)}`] ?? texts[`${key}.other`];
  const text = numbered ?? texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Connects to the agent on this computer. */
export function connectAgent(options) {
  return connect({ port: Number(document.body.dataset.agentPort), ...options });
}

/** The server did not accept something; who can help comes with it. */
export class Refused extends Error {
  constructor(code, who) {
    super(code);
    this.code = code;
    this.who = who;
  }
}

/** Posts to the site's own server and returns its answer, or throws Refused. */
export async function post(path, body = {}) {
  let response, answer;
  try {
    response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    answer = await response.json();
  } catch {
    throw new Refused("unreachable", "admin");
  }
  if (!response.ok) {
    throw new Refused(answer.code, answer.who);
  }
  return answer;
}

/** Says what is awaited; nothing when there is no phase. */
export function showProgress(phase, triesLeft, line = element("progress")) {
  line.hidden = !phase;
  line.dataset.phase = phase ?? "";
  line.textContent = phase ? t(`progress.${phase}`, { count: triesLeft }) : "";
}

export function clearError(box = element("error")) {
  box.hidden = true;
  box.replaceChildren();
  delete box.dataset.code;
}

/** Says what happened, what to try and who can help. A page may have words of its own for it. */
export function showError(error, box = element("error"), words = t) {
  box.replaceChildren(...(error instanceof Refused ? refusal(error, words) : failure(error, words)));
  box.dataset.code = error.code ?? "unknown";
  box.hidden = false;
  box.focus();
}

function refusal({ code, who }, words) {
  const known = `refused.${code}` in texts ? code : "internal";
  return [
    make("h2", words(`refused.${known}`)),
    make("p", words(`refusedTry.${known}`)),
    ...(known === "cardNotRegistered" ? [link("/register", t("signIn.register"))] : []),
    ...helpers(who ?? "site", `/help/site/${known}`),
    details([t("error.code", { code })]),
  ];
}

/** Who can help, how they are reached, and where there is more about it. */
function helpers(who, path) {
  const contact = texts[`contact.${who}`];
  const more = link(path, t("error.more"));
  more.firstChild.target = "_blank"; // what is on this page must not be lost
  more.firstChild.rel = "noopener";
  return [make("p", t(`who.${who}`), "who"), ...(contact ? [make("p", contact, "contact")] : []), more];
}

function link(path, text) {
  const anchor = make("a", text);
  anchor.href = path;
  const line = make("p", "");
  line.append(anchor);
  return line;
}

function failure(error, words) {
  if (!(error instanceof CardeaError)) {
    console.error(error);
    return [make("h2", t("error.unknown")), make("p", t("try.unknown")), details([t("error.code", { code: String(error) })])];
  }
  const { code, who, params } = error;
  const known = `try.${code}` in texts; // an agent may be newer than this site
  const lines = [t("error.code", { code: Object.values(params ?? {}).reduce((all, value) => `${all}, ${value}`, code) })];
  if (known) {
    lines.unshift(t(`meaning.${code}`), t(`fix.${code}`));
  }
  if (params?.incident) {
    lines.push(t("error.incident", params));
  }
  const tries = params?.triesLeft;
  return [
    make("h2", known ? words(`error.${code}`) : error.message),
    make("p", [tries === undefined ? "" : t("triesLeft", { count: tries }), words(known ? `try.${code}` : "try.unknown")].join(" ").trim()),
    ...(code === "cancelled" ? [] : helpers(who, `/help/agent/${known ? code : "internal"}`)), // nothing is wrong
    details(lines),
  ];
}

function details(lines) {
  const box = document.createElement("details");
  box.append(make("summary", t("error.forIT")), ...lines.map((line) => make("p", line)));
  return box;
}

/** Makes an element with a text in it. */
export function make(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

/** Puts a snapshot of the agent's into plain words. */
export function showStatus({ state, readers }) {
  const words = [t(`status.${state}`)];
  const card = readers.find((reader) => reader.card?.known)?.card;
  if (state === "ready" && card) {
    if (card.pin === "low" || card.pin === "final") {
      words.push(t(`status.pin.${card.pin}`));
    }
    if (card.expiresInDays >= 1 && card.expiresInDays <= 90) {
      words.push(t("status.expires", { count: card.expiresInDays }));
    }
  }
  setStatus(state, words.join(" "));
}

/** Says why there is no agent to tell the status. */
export function showNoStatus(error) {
  const asks = error.code === "loopbackDismissed";
  setStatus(asks ? "looking" : error.code, asks ? t("status.askLater") : t(`error.${error.code}`));
}

function setStatus(state, text) {
  const line = element("status");
  line.dataset.state = state;
  if (line.textContent !== text) {
    line.textContent = text; // the same words again would be read out again
  }
}

/** Marks a button as at work. It keeps the focus, which a disabled one loses. */
export function setBusy(button, busy) {
  button.setAttribute("aria-disabled", String(busy));
}

export const isBusy = (button) => button.getAttribute("aria-disabled") === "true";

/** Resolves after a growing while, at once when the page is looked at again. */
export function pause(attempt) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(15_000, 1000 * 2 ** Math.min(attempt, 4)));
    document.addEventListener("visibilitychange", done);
  });
}
