// The page reads without this; it adds search, the switch of colours and what is opened by a click.
"use strict";
(() => {
  const root = document.documentElement;
  const find = (selector) => document.querySelector(selector);
  const form = find(".search");
  const [box, count] = [form.querySelector("input"), form.querySelector("output")];

  // Colours: as the system has them, until somebody chooses.
  const theme = find(".theme");
  const key = "recorder-theme";
  try { root.dataset.theme = localStorage.getItem(key) ?? ""; } catch { /* files may have none */ }
  theme.onclick = () => {
    const isDark = getComputedStyle(root).colorScheme === "dark"
      || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = isDark ? "light" : "dark";
    try { localStorage.setItem(key, root.dataset.theme); } catch { /* then for now */ }
  };
  form.hidden = theme.hidden = false;

  // Spoilers stay open once they were clicked.
  const reveal = (event) => {
    const spoiler = event.target.closest?.(".spoiler:not(.shown)");
    if (!spoiler || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    spoiler.classList.add("shown");
  };
  document.addEventListener("click", reveal);
  document.addEventListener("keydown", reveal);

  // Moments that were meant to be read as "in two hours".
  const units = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
    if (Number.isFinite(seconds)) time.textContent = relative.format(Math.round(seconds / size), unit);
  }

  // Search: all words must occur in a message; case and accents do not matter.
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  let index = null, hits = [], at = -1;
  const build = () => {
    const entries = [];
    for (const group of document.querySelectorAll(".group")) {
      const speaker = plain(group.querySelector(".name")?.textContent ?? "");
      for (const article of group.querySelectorAll("article")) {
        let text = "";
        for (const part of article.children) {
          if (!part.matches(".time, .reply, header")) text += part.textContent + "\n";
        }
        entries.push({ article, speaker, text: plain(text) });
      }
    }
    return entries;
  };
  const search = () => {
    const words = plain(box.value).match(/from:"[^"]*"|"[^"]+"|\S+/g) ?? [];
    const bare = (word) => word.replaceAll('"', "");
    const speakers = words.filter((word) => word.startsWith("from:")).map((word) => bare(word.slice(5)));
    const texts = words.filter((word) => !word.startsWith("from:")).map(bare);
    index ??= build();
    for (const { article } of hits) article.classList.remove("hit", "current");
    hits = words.length ? index.filter(({ speaker, text }) =>
      speakers.every((name) => speaker.includes(name)) && texts.every((word) => text.includes(word))) : [];
    for (const { article } of hits) article.classList.add("hit");
    at = -1;
    count.textContent = words.length ? (hits.length ? `${hits.length} found` : "nothing found") : "";
    highlight(null, []);
    if (hits.length) go(1, texts);
  };
  const go = (step) => {
    if (!hits.length) return;
    hits[at]?.article.classList.remove("current");
    at = (at + step + hits.length) % hits.length;
    const { article } = hits[at];
    article.classList.add("current");
    article.scrollIntoView({ block: "center" });
    count.textContent = `${at + 1} of ${hits.length}`;
    highlight(article, box.value.toLowerCase().match(/[^\s"]+/g) ?? []);
  };
  const highlight = (article, words) => {
    if (!globalThis.Highlight) return;
    const ranges = [];
    const walker = article && document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
    while (walker?.nextNode()) {
      const text = walker.currentNode.data.toLowerCase();
      if (text.length !== walker.currentNode.data.length) continue;
      for (const word of words) {
        for (let from = text.indexOf(word); from >= 0; from = text.indexOf(word, from + word.length)) {
          const range = new Range();
          range.setStart(walker.currentNode, from);
          range.setEnd(walker.currentNode, from + word.length);
          ranges.push(range);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  };
  let waiting;
  box.oninput = () => { clearTimeout(waiting); waiting = setTimeout(search, 150); };
  form.onsubmit = (event) => event.preventDefault();
  box.onkeydown = (event) => {
    if (event.key === "Enter") { event.preventDefault(); go(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { box.value = ""; search(); }
  };
  form.querySelector(".previous").onclick = () => go(-1);
  form.querySelector(".next").onclick = () => go(1);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest?.("input")) { event.preventDefault(); box.focus(); }
  });
})();
