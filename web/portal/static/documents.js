// The page on which documents are signed: the person chooses them, the page
// computes their digests, the agent has them signed with one PIN, and the site
// checks and keeps the signatures. A file of the person's own is not sent.
import { CardeaError } from "/assets/cardea.js";
import { Refused, clearError, connectAgent, element, isBusy, make, pause, post, setBusy, showError, t } from "/assets/portal.js";

const button = element("sign");
const cancel = element("cancel");
const choice = element("choice");
const most = Number(choice.dataset.most);
const largest = 100_000_000; // bytes of a file: all of it has to be in memory at once
const all = []; // the documents to choose from
const unsent = []; // batches that were signed and are not kept yet
let request;

for (const row of element("documents-here").children) {
  offer({ row, name: row.querySelector(".name").textContent, size: Number(row.dataset.size), sample: row.dataset.sample });
}
element("files").addEventListener("change", ({ target }) => { addFiles([...target.files]); target.value = ""; });
button.addEventListener("click", sign);
cancel.addEventListener("click", stop);
document.addEventListener("covered", giveUp);
element("resend").addEventListener("click", () => finish(send));
addEventListener("beforeunload", (event) => { if (unsent.length > 0 && shows()) { event.preventDefault(); } });
// A page that comes back out of the browser's memory is not at work any more.
addEventListener("pageshow", (event) => { if (event.persisted) { location.reload(); } });

/** A text of this page's own, or else the one that all pages share. */
function words(key, values) {
  const own = t(`documents.${key}`, values);
  return own === `documents.${key}` ? t(key, values) : own;
}

function offer(one) {
  one.box = one.row.querySelector("input");
  one.box.addEventListener("change", () => { setState(one); showChosen(); });
  all.push(one);
}

/** Each file becomes a document that is chosen. The same one twice is one. */
function addFiles(files) {
  clearError();
  for (const file of files) {
    const { name, size, lastModified } = file;
    let one = all.find((other) => other.file && other.name === name && other.size === size && other.file.lastModified === lastModified);
    if (!one) {
      if (size > largest) {
        trouble("tooLarge", { name });
        continue;
      }
      one = { row: rowOf(name, size), name, size, file };
      element("documents-here").append(one.row);
      offer(one);
    }
    one.box.checked = true;
    setState(one);
  }
  showChosen();
}

function rowOf(name, size) {
  const row = document.createElement("li");
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  label.append(box, " ", make("span", name, "name"));
  row.append(label, make("span", `${sizeOf(size)} · ${t("documents.own")}`, "about"));
  return row;
}

function sizeOf(bytes) {
  let [unit, n] = ["bytes", bytes];
  for (const larger of ["kB", "MB"]) {
    if (n >= 1000) {
      [unit, n] = [larger, n / 1000];
    }
  }
  return t(`size.${unit}`, { n: String(unit === "bytes" || n >= 100 ? Math.round(n) : Math.round(n * 10) / 10) });
}

const chosen = () => all.filter(({ box }) => box.checked);

/** Says what will be signed. */
function showChosen() {
  const batch = chosen();
  const names = batch.slice(0, 10).map(({ name }) => name);
  const rest = batch.length - names.length;
  if (rest > 0) {
    names.push(t("documents.others", { count: rest }));
  }
  const any = batch.length > 0;
  element("chosen").textContent = any ? t("documents.chosen", { count: batch.length, names: names.join(", ") }) : t("documents.noneChosen");
  button.textContent = any ? t("documents.sign", { count: batch.length }) : t("documents.signNone");
}

/** Says in a document's row what became of it; nothing without a state. */
function setState(one, state, text, link) {
  one.state = state;
  one.row.querySelector(".state")?.remove();
  if (state) {
    const line = make("p", "", "state");
    line.dataset.state = state;
    line.append(make("span", text), ...(link ? [link] : []));
    one.row.append(line);
  }
}

async function sign() {
  if (isBusy(button)) {
    return;
  }
  const batch = chosen();
  if (batch.length === 0) {
    trouble("nothingChosen");
    return;
  }
  if (batch.length > most) {
    trouble("tooMany", { count: most });
    return;
  }
  request = new AbortController();
  const { signal } = request;
  await finish(async () => {
    cancel.hidden = false;
    try {
      await signBatch(batch, signal);
    } catch (error) {
      await uncovered(); // what is said behind the lock is not heard
      batch.forEach((one) => setState(one));
      if (error.code !== "cancelled" || !signal.aborted) {
        throw error; // else the person knows: they did it here
      }
      outcome(0, batch.length);
    }
    hideWork();
    await send();
  });
}

/** Marks the page as at work while it does something, and says what went wrong. */
async function finish(work) {
  setBusy(button, true);
  choice.disabled = true;
  clearError();
  element("outcome").hidden = element("again").hidden = true;
  try {
    await work();
  } catch (error) {
    if (error.code === "signedOut" || error.code === "sessionExpired") {
      unsent.length = 0;
      location.replace(`/?ended=${error.code}`);
      return;
    }
    hideWork();
    if (error instanceof Unreadable) {
      trouble("unreadable", { name: error.message });
    } else {
      showError(error, undefined, words);
    }
  } finally {
    hideWork();
    setBusy(button, false);
    choice.disabled = false;
    element("again").hidden = unsent.length === 0;
    showChosen();
  }
}

/** A problem that the page sees by itself. */
function trouble(kind, values) {
  const box = element("error");
  box.replaceChildren(make("h2", t(`documents.${kind}`, values)), make("p", t(`documents.${kind}Try`, values)));
  box.dataset.code = kind;
  box.hidden = false;
  box.focus();
}

/** The file was changed or moved since it was chosen. */
class Unreadable extends Error {}

async function signBatch(batch, signal) {
  say(t("progress.connecting"), "connecting");
  const client = await connectAgent({ signal }); // first: the browser counts the click for a moment only
  try {
    const options = { signal, lang: document.documentElement.lang, onProgress: (progress) => showPhase(progress, batch) };
    const shown = await client.getSigningCertificate(options);
    await post("/documents/check", { certificate: shown.certificate });
    const hash = `SHA-${shown.algorithms[0].slice(2)}`;
    say(t("documents.hashing"), "hashing");
    for (const one of batch) {
      one.digest = base64(await crypto.subtle.digest(hash, await read(one)));
      setState(one, "waiting", t("documents.waiting"));
    }
    const items = batch.map(({ digest }, i) => ({ id: String(i + 1), digest }));
    const result = await client.sign(shown.certificate, hash, items, options);
    await uncovered();
    take(batch, result);
  } finally {
    client.close();
  }
}

async function read({ file, name, sample }) {
  if (file) {
    return file.arrayBuffer().catch(() => { throw new Unreadable(name); });
  }
  const response = await fetch(`/documents/samples/${sample}`).catch(() => {});
  if (!response?.ok || response.redirected) {
    throw new Refused(response?.redirected ? "signedOut" : "unreachable", "admin");
  }
  return response.arrayBuffer();
}

function base64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

/** Takes what the agent gave: which documents are signed and which are not. */
function take(batch, result) {
  const { certificate, algorithm } = result;
  const items = result.signatures.map(({ id, signature }) => {
    const one = batch[id - 1];
    one.box.checked = false; // it is done
    setState(one, "signed", t("documents.signed"));
    return { one, signature, digest: one.digest };
  });
  if (items.length > 0) {
    unsent.push({ certificate, algorithm, items });
  }
  for (const { id, code } of result.failures) {
    setState(batch[id - 1], "failed", t("documents.notSigned", { why: words(`error.${code}`) }));
  }
  outcome(result.signatures.length, batch.length);
  const code = result.failures[0]?.code;
  if (code && !(code === "cancelled" && request.signal.aborted)) {
    showError(errorOf(code), undefined, words);
  }
}

/** An error of the agent's by its code. An agent may be newer than this site. */
function errorOf(code) {
  try {
    return new CardeaError(code, {});
  } catch {
    return new Error(code);
  }
}

function outcome(signed, of) {
  const line = element("outcome");
  line.dataset.finding = signed === of ? "met" : "missing";
  line.textContent = outcomeText(signed, of);
  line.hidden = false;
}

function outcomeText(signed, of) {
  if (signed === of) {
    return t("documents.allSigned", { count: signed });
  }
  return signed > 0 ? t("documents.someSigned", { signed, of }) : t("documents.noneSigned");
}

/** Has the site check and keep what was signed. A page that is locked waits. */
async function send() {
  for (let attempt = 0; unsent.length > 0; attempt++) {
    await uncovered();
    const { certificate, algorithm, items } = unsent[0];
    const sent = items.map(({ one, signature, digest }, i) => (
      { id: String(i), sample: one.sample, name: one.name, size: one.size, digest, signature }));
    try {
      const settled = settle(unsent[0], await post("/documents/signed", { certificate, algorithm, items: sent }));
      showKept().catch(() => {}); // the next page shows it
      if (!settled) {
        return; // the person says when to try again
      }
    } catch (error) {
      if (error.code === "pageLocked") {
        await pause(attempt);
        continue;
      }
      if (final.includes(error.code)) {
        unsent.shift().items.forEach(({ one }) => refused(one, error.code));
      }
      throw error;
    }
  }
}

/** Refusals that would come again. */
const final = ["differentCard", "cardNotRegistered", "tokenMalformed"];

/** What another try can change. */
const passing = ["revocationUnknown", "internal"];

/** Says of each document of a batch what became of it. What another try can change stays. */
function settle(batch, { items }) {
  const left = [];
  let worst;
  for (const { id, kept, code, who } of items) {
    const { one } = batch.items[id];
    if (kept) {
      const link = make("a", t("documents.download"));
      link.href = `/documents/signatures/${kept}`;
      link.setAttribute("aria-label", t("documents.downloadNamed", { name: one.name }));
      setState(one, "kept", t("documents.kept"), link);
      continue;
    }
    worst ??= new Refused(code, who);
    refused(one, code);
    if (passing.includes(code)) {
      left.push(batch.items[id]);
    }
  }
  batch.items = left;
  if (left.length === 0) {
    unsent.shift();
  }
  if (worst) {
    showError(worst, undefined, words);
  }
  return left.length === 0;
}

function refused(one, code) {
  element("outcome").hidden = true; // signed is not all there is to say
  setState(one, "failed", t("documents.notKept", { why: words(`refused.${code}`) }));
}

/** Whether the page shows itself: its card is in, or it has none. */
const shows = () => (document.body.dataset.standing ?? "present") === "present";

/** Resolves when the page shows itself. */
function uncovered() {
  if (shows()) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (shows()) {
        observer.disconnect();
        resolve();
      }
    });
    observer.observe(document.body, { attributeFilter: ["data-standing"] });
  });
}

/** The list of what was signed, as the site has it now. Of a locked page it shows none. */
async function showKept() {
  for (let attempt = 0; attempt < 5; attempt++) {
    await uncovered();
    const response = await fetch("/documents").catch(() => {});
    const list = response?.ok && new DOMParser().parseFromString(await response.text(), "text/html").getElementById("kept");
    if (list) {
      element("kept").replaceWith(list);
      return;
    }
    await pause(attempt);
  }
}

function stop() {
  request.abort();
  cancel.hidden = true;
  button.focus();
  say(t("documents.stopping"), "stopping");
}

/** The card is wanted for the page first. A batch under way is the agent's to end: it tells what was signed. */
function giveUp() {
  if (element("progress").dataset.phase !== "signing") {
    request?.abort();
  }
}

function showPhase({ phase, triesLeft, done, total }, batch) {
  batch.slice(0, done ?? 0).filter(({ state }) => state === "waiting").forEach((one) => setState(one, "signed", t("documents.signedNow")));
  if (request.signal.aborted) {
    return;
  }
  say(words(`progress.${phase}`, { count: triesLeft }), phase);
  const counts = phase === "signing" && total > 1;
  element("count").hidden = !counts;
  if (counts) {
    element("bar").max = total;
    element("bar").value = done ?? 0;
    element("of").textContent = t("documents.of", { done: done ?? 0, total });
  }
}

/** Says what is awaited. The same words again would be read out again. */
function say(text, phase) {
  const line = element("progress");
  line.hidden = false;
  line.dataset.phase = phase;
  if (line.textContent !== text) {
    line.textContent = text;
  }
}

function hideWork() {
  const line = element("progress");
  line.hidden = true;
  line.textContent = "";
  delete line.dataset.phase;
  element("count").hidden = true;
  if (document.activeElement === cancel) {
    button.focus();
  }
  cancel.hidden = true;
}

showChosen();
