"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const say = (text) => { one("#said").textContent = text; };
  document.documentElement.classList.add("script");

  // Tables are sorted by a click on a column's name: numbers by what the text rounds, the largest first.
  const sort = (table, idx, isNumber) => {
    const heads = all("thead th", table);
    const head = heads[idx];
    const before = head.getAttribute("aria-sort");
    const first = isNumber ? "descending" : "ascending";
    const order = before === first ? (isNumber ? "ascending" : "descending") : first;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.cells[idx];
      return isNumber ? (cell.dataset.v === undefined ? null : Number(cell.dataset.v)) : cell.textContent;
    };
    const compare = (a, b) => {
      // What has no number stands last, whatever the order.
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.place - b.place;
      const order = isNumber ? a.key - b.key : a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
      return sign * order || a.place - b.place;
    };
    const rows = [...table.tBodies[0].rows].map((row, place) => ({ row, place, key: key(row) }));
    rows.sort(compare);
    table.tBodies[0].append(...rows.map(({ row }) => row));
  };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, idx) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, idx, head.classList.contains("n")));
    });
  }

  // Disputed data objects are filtered by text and confidence.
  const cards = all(".card");
  const find = one("#find");
  const below = one("#below");
  if (find) {
    const workers = (card) => all("code", card).map(({ title }) => title);
    const texts = cards.map((card) => [card.textContent, ...workers(card)].join(" ").toLowerCase());
    const more = one("#more");
    // The first ones, until somebody asks for more.
    const FIRST = 12;
    let isWhole = cards.length <= FIRST;
    const filter = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      let n = 0;
      const isAll = words.length === 0 && Number(below.value) > 1;
      cards.forEach((card, idx) => {
        const isShown = (!isAll || isWhole || idx < FIRST) && Number(card.dataset.v) < Number(below.value) && words.every((word) => texts[idx].includes(word));
        card.hidden = !isShown;
        n += isShown;
      });
      one("#n-shown").textContent = n === cards.length ? "" : `${n} of ${cards.length} shown`;
      more.hidden = n === cards.length || !isAll;
    };
    more.addEventListener("click", () => {
      isWhole = true;
      filter();
      cards[FIRST].focus();
    });
    find.addEventListener("input", filter);
    below.addEventListener("change", filter);
    filter();
  }

  // Boxes are shown and hidden, all workers' or one worker's on one picture.
  const toggle = (selector, name) => {
    const box = one(selector);
    if (box) box.addEventListener("change", () => one(".cards").classList.toggle(name, !box.checked));
  };
  toggle("#show-workers", "no-workers");
  toggle("#show-label", "no-label");
  one("main").addEventListener("change", ({ target }) => {
    if (target.dataset.color === undefined) return;
    const boxes = all(`.box.c${target.dataset.color}`, target.closest(".card"));
    boxes.forEach((box) => box.classList.toggle("off", !target.checked));
  });

  // Arrow keys go from one disputed data object to the next.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const current = document.activeElement.closest?.(".card");
    if (!step || !current || event.altKey || event.ctrlKey || event.metaKey) return;
    const shown = cards.filter((card) => !card.hidden);
    const next = shown[shown.indexOf(current) + step];
    if (next) {
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  });

  // Addresses are copied.
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say("copied");
  };
  document.addEventListener("click", ({ target }) => {
    if (target.dataset?.copy === undefined) return;
    copy(target.dataset.copy).then(() => target.focus());
    target.textContent = "copied";
    setTimeout(() => { target.textContent = "copy"; }, 1500);
  });

  // Workers and disputed data objects are saved as CSV. A cell that a spreadsheet would compute is made a text.
  const data = JSON.parse(one("#data").textContent);
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const save = (name, head, rows) => {
    const text = [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    say(`${name} saved`);
  };
  const quality = data.quality;
  one("#csv-workers")?.addEventListener("click", () => {
    const head = ["worker", "n_answers", "accuracy", "disagreement", "median_seconds", "n_timed", "is_suspected"];
    save("workers.csv", head, quality.workers.map((worker) => head.map((name) => worker[name])));
  });
  one("#csv-disputed")?.addEventListener("click", () => {
    const head = ["dataset_object_id", "source_ref", "label", "confidence", "n_votes", "n_answers"];
    const says = (object) => object.answers.map((answer) => `${answer.worker}: ${answer.says}`).join("; ");
    save("disputed.csv", [...head, "answers"], quality.disputed.map((object) => [...head.map((name) => object[name]), says(object)]));
  });

  // What is folded on the screen is read on paper, too.
  addEventListener("beforeprint", () => all("details").forEach((fold) => { fold.open = true; }));
})();
