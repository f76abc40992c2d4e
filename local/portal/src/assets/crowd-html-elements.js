// Crowd HTML Elements of our own: the elements that worker task templates for images use, with the attributes and the
// answers that the Developer Guide's page of each element documents. Nothing is fetched; nothing is stored.
"use strict";
(() => {
  const make = (parent, name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    parent?.append(element);
    return element;
  };

  /** An attribute's value: JSON, or what templates write for it: single quotes, names without quotes. */
  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      const token = /"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'|([A-Za-z_$][\w$]*)(\s*:)/gs;
      return JSON.parse(
        text.replace(token, (whole, single, name, colon) => {
          if (single !== undefined) return JSON.stringify(single.replace(/\\(.)/gs, "$1"));
          return name === undefined ? whole : JSON.stringify(name) + colon;
        }),
      );
    }
  };

  const complain = (text) => {
    const box = document.querySelector(".crowd-problem") ?? make(null, "p", { className: "crowd-problem", role: "alert" });
    box.textContent = text;
    (document.querySelector("crowd-form") ?? document.body).prepend(box);
  };

  const isTyping = (event) => /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !/^(radio|checkbox|range)$/.test(event.target.type);

  /** Calls `act` for the keys 1 to 9 with the index of what they choose. */
  const onDigits = (act) =>
    document.addEventListener("keydown", (event) => {
      if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (/^[1-9]$/.test(event.key)) act(Number(event.key) - 1);
    });

  class CrowdElement extends HTMLElement {
    connectedCallback() {
      if (this.isBuilt) return;
      this.isBuilt = true;
      try {
        this.build();
      } catch (error) {
        complain(`<${this.localName}> can't be shown: ${error.message}`);
      }
    }
    list(name, max) {
      const text = this.getAttribute(name);
      if (text === null) throw new Error(`it has no attribute ${name}`);
      let values;
      try {
        values = parse(text);
      } catch {
        throw new Error(`its attribute ${name} is no list: ${text}`);
      }
      if (!Array.isArray(values)) throw new Error(`its attribute ${name} is no list: ${text}`);
      if (values.length === 0 || values.length > max) throw new Error(`its attribute ${name} has ${values.length} entries, not 1 to ${max}`);
      return values.map(String);
    }
    /** What is wrong with the answer, for the worker; empty when it can be submitted. */
    problem() {
      return "";
    }
  }

  /** Heading, picture or text, instructions: what all the elements with choices have in common. */
  class TaskElement extends CrowdElement {
    frame() {
      const instructions = [...this.querySelectorAll("short-instructions, full-instructions")];
      const main = make(null, "div", { className: "crowd-main" });
      const side = make(null, "aside", { className: "crowd-side" });
      make(main, "h2", { textContent: this.getAttribute("header") ?? "", dir: "auto" });
      this.prepend(main);
      if (instructions.length > 0) this.append(side);
      for (const part of instructions) {
        if (part.localName === "short-instructions") side.append(part);
      }
      for (const part of instructions) {
        if (part.localName !== "full-instructions") continue;
        const details = make(side, "details", {}, make(null, "summary", { textContent: part.getAttribute("header") || "Full instructions" }));
        details.append(part);
      }
      return main;
    }
    picture(parent) {
      const image = make(null, "img", { draggable: false, alt: "The image to label" });
      image.addEventListener("error", () => complain("The image can't be shown. Skip this task, and tell whoever gave it to you."));
      image.src = this.getAttribute("src") ?? "";
      parent.append(image);
      return image;
    }
  }

  class Choices extends TaskElement {
    build() {
      this.chosen = [];
      const main = this.frame();
      if (this.hasAttribute("src")) this.picture(make(main, "div", { className: "crowd-picture" }));
      const target = this.querySelector("classification-target");
      if (target) main.append(target);
      this.names = this.list("categories", 200);
      this.exclusion = this.hasAttribute("exclusion-category") ? parse(this.getAttribute("exclusion-category")).text : undefined;
      const all = this.exclusion === undefined ? this.names : [...this.names, this.exclusion];
      this.buttons = make(main, "div", { className: "categories", role: this.isMultiple ? "group" : "radiogroup" });
      this.buttons.setAttribute("aria-label", "Categories");
      all.forEach((name, idx) => this.addButton(name, idx));
      onDigits((idx) => all[idx] !== undefined && this.choose(all[idx]));
      this.show();
    }
    addButton(name, idx) {
      const button = make(this.buttons, "button", { type: "button", textContent: name, dir: "auto" });
      if (idx < 9) button.dataset.key = idx + 1;
      button.setAttribute("role", this.isMultiple ? "checkbox" : "radio");
      button.addEventListener("click", () => this.choose(name));
    }
    choose(name) {
      if (!this.isMultiple) this.chosen = [name];
      else if (this.chosen.includes(name)) this.chosen = this.chosen.filter((other) => other !== name);
      else if (name === this.exclusion) this.chosen = [name];
      else this.chosen = [...this.chosen.filter((other) => other !== this.exclusion), name];
      this.show();
    }
    show() {
      for (const button of this.buttons.children) button.setAttribute("aria-checked", String(this.chosen.includes(button.textContent)));
    }
    problem() {
      if (this.chosen.length > 0) return "";
      return this.isMultiple ? "Choose at least one category." : "Choose a category.";
    }
  }

  class OneChoice extends Choices {
    get value() {
      return this.chosen.length > 0 ? { label: this.chosen[0] } : undefined;
    }
  }

  class ManyChoices extends Choices {
    get isMultiple() {
      return true;
    }
    get value() {
      const order = this.exclusion === undefined ? this.names : [...this.names, this.exclusion];
      return { labels: order.filter((name) => this.chosen.includes(name)) };
    }
  }

  const COLORS = ["#e6194b", "#0a7cff", "#1a9641", "#f58231", "#911eb4", "#008b8b", "#c2185b", "#7a6a00", "#5d4037", "#37474f"];
  const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
  const CLICK_PX = 3;
  const ZOOM_MAX = 16;
  const clamp = (value, min, max) => Math.min(Math.max(value, min), max);

  class Boxes extends TaskElement {
    build() {
      this.boxes = [];
      this.undone = [];
      this.history = [];
      this.selected = -1;
      this.current = 0;
      this.isNothing = false;
      const main = this.frame();
      this.labels = this.list("labels", 50);
      this.addTools(main);
      this.view = make(main, "div", { className: "crowd-view", tabIndex: 0 });
      this.view.setAttribute("aria-label", "Image. B adds a box, arrow keys move it, Shift and arrow keys resize it, Delete removes it.");
      this.surface = make(this.view, "div", { className: "crowd-surface" });
      this.image = this.picture(this.surface);
      this.layer = make(this.surface, "div", { className: "crowd-layer" });
      this.list_ = make(main, "ol", { className: "crowd-boxes" });
      const initial = this.getAttribute("initial-value");
      this.initial = initial ? parse(initial).map(({ label, left, top, width, height }) => ({ label: String(label), left, top, width, height })) : undefined;
      this.boxes = (this.initial ?? []).map((box) => ({ ...box }));
      this.listen();
      const ready = () => this.fit();
      if (this.image.complete && this.image.naturalWidth > 0) ready();
      else this.image.addEventListener("load", ready);
      window.addEventListener("resize", () => this.isFitted && this.fit());
    }
    addTools(main) {
      this.buttons = make(main, "div", { className: "categories", role: "radiogroup" });
      this.buttons.setAttribute("aria-label", "Categories");
      this.labels.forEach((name, idx) => {
        const button = make(this.buttons, "button", { type: "button", textContent: name, dir: "auto" });
        button.setAttribute("role", "radio");
        button.style.setProperty("--color", COLORS[idx % COLORS.length]);
        if (idx < 9) button.dataset.key = idx + 1;
        button.addEventListener("click", () => this.choose(idx));
      });
      onDigits((idx) => idx < this.labels.length && this.choose(idx));
      const tools = make(main, "div", { className: "crowd-tools" });
      const tool = (text, title, act) => make(tools, "button", { type: "button", textContent: text, title }).addEventListener("click", act);
      tool("Undo", "Ctrl+Z", () => this.undo());
      tool("Redo", "Ctrl+Y", () => this.redo());
      tool("Delete", "Delete", () => this.remove());
      tool("−", "Zoom out: -", () => this.zoom(1 / 1.5));
      tool("+", "Zoom in: +", () => this.zoom(1.5));
      tool("Fit", "Fit: 0", () => this.fit());
      const nothing = make(tools, "label", { className: "crowd-nothing" });
      this.nothing = make(nothing, "input", { type: "checkbox" });
      nothing.append(" Nothing to draw (N)");
      this.nothing.addEventListener("change", () => this.setNothing(this.nothing.checked));
      this.choose(0);
    }
    get size() {
      return { width: this.image.naturalWidth, height: this.image.naturalHeight };
    }
    choose(idx) {
      this.current = idx;
      const box = this.boxes[this.selected];
      // Whoever has just drawn a box chooses for the next one.
      if (box && this.selected !== this.justDrawn && box.label !== this.labels[idx]) this.change(() => (box.label = this.labels[idx]));
      [...this.buttons.children].forEach((button, at) => button.setAttribute("aria-checked", String(at === idx)));
    }
    setNothing(isNothing) {
      this.isNothing = isNothing && this.boxes.length === 0;
      this.nothing.checked = this.isNothing;
    }
    state() {
      return JSON.stringify({ boxes: this.boxes, selected: this.selected });
    }
    /** Does something that can be undone. */
    change(act) {
      const before = this.state();
      act();
      if (this.state() === before) return;
      this.history.push(before);
      this.undone = [];
      if (this.boxes.length > 0) this.setNothing(false);
      this.show();
    }
    restore(from, to) {
      const state = from.pop();
      if (state === undefined) return;
      to.push(this.state());
      Object.assign(this, JSON.parse(state));
      this.justDrawn = undefined;
      this.setNothing(this.isNothing);
      this.show();
    }
    undo() {
      this.restore(this.history, this.undone);
    }
    redo() {
      this.restore(this.undone, this.history);
    }
    remove() {
      if (!this.boxes[this.selected]) return;
      this.change(() => {
        this.boxes.splice(this.selected, 1);
        this.justDrawn = undefined;
        this.selected = -1;
      });
    }
    select(idx) {
      this.justDrawn = undefined;
      this.selected = idx;
      const label = this.labels.indexOf(this.boxes[idx]?.label);
      if (label >= 0) this.choose(label);
      this.show();
    }
    fit() {
      const { width, height } = this.size;
      if (width === 0) return;
      this.isFitted = true;
      const room = { width: this.view.clientWidth, height: Math.max(window.innerHeight * 0.62, 240) };
      this.setScale(Math.min(room.width / width, room.height / height, 4));
    }
    zoom(factor) {
      this.isFitted = false;
      const { clientWidth, clientHeight, scrollLeft, scrollTop } = this.view;
      const center = { x: (scrollLeft + clientWidth / 2) / this.scale, y: (scrollTop + clientHeight / 2) / this.scale };
      this.setScale(clamp(this.scale * factor, 0.02, ZOOM_MAX));
      this.view.scrollTo(center.x * this.scale - clientWidth / 2, center.y * this.scale - clientHeight / 2);
    }
    setScale(scale) {
      this.scale = scale;
      this.surface.style.width = `${this.size.width * scale}px`;
      this.surface.style.height = `${this.size.height * scale}px`;
      this.show();
    }
    /** The nearest edge between pixels of the image, which lies within it. */
    at(event) {
      const { left, top, width, height } = this.surface.getBoundingClientRect();
      return {
        x: clamp(Math.round(((event.clientX - left) / width) * this.size.width), 0, this.size.width),
        y: clamp(Math.round(((event.clientY - top) / height) * this.size.height), 0, this.size.height),
      };
    }
    listen() {
      this.surface.addEventListener("pointerdown", (event) => this.begin(event));
      this.surface.addEventListener("pointermove", (event) => this.drag(event));
      this.surface.addEventListener("pointerup", (event) => this.end(event));
      this.surface.addEventListener("pointercancel", () => this.cancel());
      document.addEventListener("keydown", (event) => this.key(event));
    }
    begin(event) {
      if (event.button !== 0 || this.drags || this.size.width === 0) return;
      event.preventDefault();
      this.view.focus({ preventScroll: true });
      this.surface.setPointerCapture(event.pointerId);
      const at = this.at(event);
      const box = this.boxes[this.selected];
      const handle = event.target.dataset?.handle;
      const isInside = box && at.x >= box.left && at.x <= box.left + box.width && at.y >= box.top && at.y <= box.top + box.height;
      const kind = handle ? "resize" : isInside ? "move" : "draw";
      this.drags = { kind, handle, at, x: event.clientX, y: event.clientY, before: this.state(), box: box && { ...box }, hasMoved: false };
    }
    drag(event) {
      const drags = this.drags;
      if (!drags) return;
      drags.hasMoved ||= Math.hypot(event.clientX - drags.x, event.clientY - drags.y) >= CLICK_PX;
      if (!drags.hasMoved) return;
      const at = this.at(event);
      if (drags.kind === "draw") this.draft = span(drags.at, at);
      if (drags.kind === "move") this.place(this.moved(drags.box, at.x - drags.at.x, at.y - drags.at.y));
      if (drags.kind === "resize") this.place(this.resized(drags.box, drags.handle, at));
      this.show();
    }
    end(event) {
      const drags = this.drags;
      if (!drags) return;
      this.drag(event);
      this.drags = undefined;
      const draft = this.draft;
      this.draft = undefined;
      if (!drags.hasMoved) return this.select(this.under(drags.at));
      if (drags.kind === "draw") {
        if (draft.width === 0 || draft.height === 0) return this.show();
        return this.change(() => {
          this.boxes.push({ label: this.labels[this.current], ...draft });
          this.justDrawn = this.selected = this.boxes.length - 1;
        });
      }
      if (this.state() !== drags.before) {
        this.history.push(drags.before);
        this.undone = [];
      }
      this.show();
    }
    cancel() {
      if (this.drags) Object.assign(this, JSON.parse(this.drags.before));
      this.drags = this.draft = undefined;
      this.show();
    }
    /** The smallest box at a place; the next larger one when that is selected already. */
    under(at) {
      const hits = this.boxes.map((box, idx) => ({ box, idx })).filter(({ box }) => at.x >= box.left && at.x <= box.left + box.width && at.y >= box.top && at.y <= box.top + box.height);
      hits.sort((one, other) => one.box.width * one.box.height - other.box.width * other.box.height);
      const now = hits.findIndex(({ idx }) => idx === this.selected);
      return hits.length === 0 ? -1 : hits[(now + 1) % hits.length].idx;
    }
    place(box) {
      Object.assign(this.boxes[this.selected], box);
    }
    moved(box, x, y) {
      const { width, height } = this.size;
      return { left: clamp(box.left + x, 0, Math.max(width - box.width, 0)), top: clamp(box.top + y, 0, Math.max(height - box.height, 0)) };
    }
    resized(box, handle, at) {
      let [left, top, right, bottom] = [box.left, box.top, box.left + box.width, box.top + box.height];
      if (handle.includes("w")) left = Math.min(at.x, right - 1);
      if (handle.includes("e")) right = Math.max(at.x, left + 1);
      if (handle.includes("n")) top = Math.min(at.y, bottom - 1);
      if (handle.includes("s")) bottom = Math.max(at.y, top + 1);
      return { left, top, width: right - left, height: bottom - top };
    }
    key(event) {
      if (isTyping(event)) return;
      const isCommand = event.ctrlKey || event.metaKey;
      const key = event.key.toLowerCase();
      const commands = { z: () => (event.shiftKey ? this.redo() : this.undo()), y: () => this.redo() };
      const act = isCommand && !key.startsWith("arrow") ? commands[key] : this.action(event, key);
      if (!act) return;
      event.preventDefault();
      act();
    }
    action(event, key) {
      const step = event.ctrlKey || event.altKey ? 1 : 5;
      const way = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, -1], arrowdown: [0, 1] }[key];
      if (way) return this.boxes[this.selected] && (() => this.nudge(way[0] * step, way[1] * step, event.shiftKey));
      return {
        delete: () => this.remove(),
        backspace: () => this.remove(),
        escape: () => (this.drags ? this.cancel() : this.select(-1)),
        b: () => this.add(),
        n: () => this.setNothing(!this.isNothing),
        "[": () => this.cycle(-1),
        "]": () => this.cycle(1),
        "+": () => this.zoom(1.5),
        "=": () => this.zoom(1.5),
        "-": () => this.zoom(1 / 1.5),
        0: () => this.fit(),
      }[key];
    }
    nudge(x, y, isResizing) {
      const box = this.boxes[this.selected];
      const { width, height } = this.size;
      this.change(() => {
        if (!isResizing) return this.place(this.moved(box, x, y));
        this.place({ width: clamp(box.width + x, 1, width - box.left), height: clamp(box.height + y, 1, height - box.top) });
      });
    }
    /** A box in the middle, for those who draw with keys. */
    add() {
      const { width, height } = this.size;
      if (width === 0) return;
      const box = { left: Math.round(width / 4), top: Math.round(height / 4), width: Math.max(Math.round(width / 2), 1), height: Math.max(Math.round(height / 2), 1) };
      this.change(() => {
        this.justDrawn = undefined;
        this.boxes.push({ label: this.labels[this.current], ...box });
        this.selected = this.boxes.length - 1;
      });
    }
    cycle(step) {
      if (this.boxes.length > 0) this.select((this.selected + step + this.boxes.length + (this.selected < 0 && step < 0 ? 1 : 0)) % this.boxes.length);
    }
    show() {
      if (!this.layer || !this.scale) return;
      this.layer.replaceChildren();
      const drawn = this.draft ? [...this.boxes, { label: this.labels[this.current], ...this.draft }] : this.boxes;
      drawn.forEach((box, idx) => this.showBox(box, idx));
      this.list_.replaceChildren();
      this.boxes.forEach(({ label, left, top, width, height }, idx) => {
        const text = `${label} (${left}, ${top}, ${width} × ${height})`;
        const button = make(make(this.list_, "li"), "button", { type: "button", textContent: text, dir: "auto" });
        button.setAttribute("aria-pressed", String(idx === this.selected));
        button.addEventListener("click", () => this.select(idx));
      });
    }
    showBox({ label, left, top, width, height }, idx) {
      const { scale } = this;
      const box = make(this.layer, "div", { className: "box" });
      Object.assign(box.style, { left: `${left * scale}px`, top: `${top * scale}px`, width: `${width * scale}px`, height: `${height * scale}px` });
      const at = this.labels.indexOf(label);
      box.style.setProperty("--color", at < 0 ? "#000" : COLORS[at % COLORS.length]);
      make(box, "span", { textContent: label, dir: "auto" });
      if (idx !== this.selected || this.draft) return;
      box.classList.add("selected");
      for (const handle of HANDLES) make(box, "i", { className: handle }).dataset.handle = handle;
    }
    problem() {
      if (this.size.width === 0) return "The image isn't there yet.";
      return this.boxes.length > 0 || this.isNothing ? "" : "Draw a box, or say that there is nothing to draw.";
    }
    get value() {
      const boundingBoxes = this.boxes.map(({ height, label, left, top, width }) => ({ height, label, left, top, width }));
      const value = { boundingBoxes, inputImageProperties: { height: this.size.height, width: this.size.width } };
      const plain = (boxes) => JSON.stringify(boxes.map(({ label, left, top, width, height }) => [label, left, top, width, height]));
      if (this.initial) value.initialValueModified = plain(this.initial) !== plain(this.boxes);
      return value;
    }
  }

  const span = (one, other) => ({
    left: Math.min(one.x, other.x),
    top: Math.min(one.y, other.y),
    width: Math.abs(one.x - other.x),
    height: Math.abs(one.y - other.y),
  });

  class Button extends CrowdElement {
    build() {
      const button = make(null, "button", { type: this.getAttribute("form-action") === "submit" ? "submit" : "button" });
      button.append(...this.childNodes);
      this.append(button);
    }
  }

  class Input extends CrowdElement {
    build() {
      const label = make(this, "label", { textContent: this.getAttribute("label") ?? "" });
      this.field = make(label, "input", { type: this.getAttribute("type") ?? "text", value: this.getAttribute("value") ?? "", required: this.hasAttribute("required") });
    }
    get value() {
      return this.field?.value || undefined;
    }
  }

  class Checkbox extends CrowdElement {
    build() {
      const label = make(null, "label");
      this.field = make(label, "input", { type: "checkbox", checked: this.hasAttribute("checked") });
      label.append(" ", ...this.childNodes);
      this.append(label);
    }
    get value() {
      return this.field && { value: this.field.checked };
    }
  }

  class Radio extends CrowdElement {
    build() {
      const label = make(null, "label");
      const group = this.closest("crowd-radio-group")?.getAttribute("name") ?? "crowd-radio";
      this.field = make(label, "input", { type: "radio", name: group, checked: this.hasAttribute("checked") });
      label.append(" ", ...this.childNodes);
      this.append(label);
    }
  }

  class RadioGroup extends HTMLElement {
    get value() {
      const radios = [...this.querySelectorAll("crowd-radio-button")];
      const named = radios.map((radio) => [radio.getAttribute("name"), radio.field?.checked === true]);
      return named.some(([, isChosen]) => isChosen) ? Object.fromEntries(named) : undefined;
    }
  }

  class Form extends CrowdElement {
    build() {
      this.form = make(null, "form", { noValidate: false });
      this.form.append(...this.childNodes);
      this.append(this.form);
      if (!this.querySelector("crowd-button[form-action=submit], button[type=submit], input[type=submit]")) {
        make(make(this.form, "div", { className: "crowd-submit" }), "button", { type: "submit", id: "submit", textContent: "Submit" }).dataset.key = "Enter";
      }
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.submit();
      });
      document.addEventListener("keydown", (event) => {
        const isPressed = /^(BUTTON|SUMMARY|A)$/.test(event.target.tagName) && !event.target.closest(".categories");
        if (event.key !== "Enter" || isTyping(event) || event.repeat || isPressed) return;
        event.preventDefault();
        this.form.requestSubmit();
      });
    }
    /** The answer: one value a named field. */
    values() {
      const own = [...this.form.querySelectorAll("*")].filter((element) => element instanceof CrowdElement || element instanceof RadioGroup);
      const values = {};
      for (const element of own) {
        const name = element.getAttribute("name");
        if (name && element.localName !== "crowd-radio-button" && element.value !== undefined) values[name] = element.value;
      }
      for (const field of this.form.querySelectorAll("input[name], select[name], textarea[name]")) {
        const isOurs = field.closest("crowd-input, crowd-checkbox, crowd-radio-button");
        const isOff = /^(radio|checkbox)$/.test(field.type) && !field.checked;
        if (isOurs || isOff || field.disabled) continue;
        if (field.type === "checkbox" && field.name in values) values[field.name] = [values[field.name], field.value].flat();
        else values[field.name] = field.value;
      }
      return values;
    }
    submit() {
      const problem = [...this.form.querySelectorAll("*")].map((element) => (element instanceof CrowdElement ? element.problem() : "")).find((text) => text);
      if (problem) return complain(problem);
      const values = this.values();
      if (Object.keys(values).length === 0) return complain("There is nothing to submit yet.");
      for (const element of this.form.querySelectorAll("[name]")) {
        if (element instanceof CrowdElement) element._submittableValue = element.value;
      }
      const event = new Event("submit", { bubbles: true, cancelable: true });
      if (!this.dispatchEvent(event)) return;
      document.querySelector(".crowd-problem")?.remove();
      window.submitted = JSON.stringify(values);
      if (window.parent !== window) window.parent.postMessage({ kind: "answer", content: window.submitted }, "*");
    }
  }

  const STYLE = `
    :root { color-scheme: light; --accent: #0b5fd7; --line: #d0d7de }
    body { font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; margin: 0; padding: 12px 16px; color: #1f2328; background: #fff }
    h2 { font-size: 18px; line-height: 24px; margin: 0 0 8px }
    crowd-image-classifier, crowd-image-classifier-multi-select, crowd-classifier, crowd-bounding-box { display: flex; flex-wrap: wrap; gap: 16px; align-items: flex-start }
    .crowd-main { flex: 1 1 480px; min-width: 0 }
    .crowd-side { flex: 0 1 260px; border-left: 3px solid var(--line); padding-left: 14px; font-size: 14px }
    .crowd-side summary { cursor: pointer; color: var(--accent) }
    short-instructions, full-instructions, classification-target { display: block }
    img { image-orientation: none; user-select: none; -webkit-user-drag: none }
    .crowd-picture { background: #f3f5f7; border: 1px solid var(--line); border-radius: 6px; text-align: center; padding: 6px }
    .crowd-picture img { display: inline-block; max-width: 100%; max-height: 58vh; min-height: min(40vh, 260px); object-fit: contain; vertical-align: top }
    .categories { display: flex; flex-wrap: wrap; gap: 8px; margin: 10px 0 }
    button { font: inherit; padding: 6px 12px; border: 1px solid #8c959f; border-radius: 6px; background: #f6f8fa; color: inherit; cursor: pointer; white-space: pre-wrap; overflow-wrap: anywhere }
    button:hover { border-color: var(--accent) }
    :focus-visible { outline: 3px solid #79b0ff; outline-offset: 1px }
    button[data-key] { display: inline-flex; align-items: center }
    button[data-key]::after { content: attr(data-key); font-size: 11px; margin-left: 8px; padding: 0 5px; border: 1px solid #afb8c1; border-radius: 4px; background: #fff; color: #57606a }
    .categories button[aria-checked=true] { background: var(--color, var(--accent)); border-color: var(--color, var(--accent)); color: #fff }
    crowd-bounding-box .categories button { border-left: 6px solid var(--color) }
    .crowd-tools { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin-bottom: 8px }
    .crowd-tools button { padding: 3px 10px; font-size: 14px }
    .crowd-nothing { margin-left: 8px }
    .crowd-view { overflow: auto; max-height: 72vh; background: #f3f5f7; border: 1px solid var(--line); border-radius: 6px }
    .crowd-surface { position: relative; touch-action: none; cursor: crosshair; margin: 0 }
    .crowd-surface img { display: block; width: 100%; height: 100% }
    .crowd-layer { position: absolute; inset: 0 }
    .box { position: absolute; box-sizing: border-box; border: 2px solid var(--color); pointer-events: none }
    .box span { position: absolute; left: -2px; top: 0; max-width: 100%; padding: 0 4px; font-size: 11px; line-height: 15px; background: var(--color); color: #fff; overflow: hidden; white-space: nowrap; opacity: .85 }
    .box.selected { box-shadow: 0 0 0 1px #fff, 0 0 0 3px var(--color); background: rgb(255 255 255 / 12%); pointer-events: auto; cursor: move }
    .box i { position: absolute; width: 10px; height: 10px; margin: -6px; background: #fff; border: 2px solid var(--color); box-sizing: border-box; border-radius: 2px; pointer-events: auto }
    .box .nw, .box .w, .box .sw { left: 0 } .box .n, .box .s { left: 50% } .box .ne, .box .e, .box .se { left: 100% }
    .box .nw, .box .n, .box .ne { top: 0 } .box .w, .box .e { top: 50% } .box .sw, .box .s, .box .se { top: 100% }
    .box .nw, .box .se { cursor: nwse-resize } .box .ne, .box .sw { cursor: nesw-resize } .box .n, .box .s { cursor: ns-resize } .box .e, .box .w { cursor: ew-resize }
    .crowd-boxes { margin: 8px 0; padding-left: 24px; font-size: 13px; max-height: 120px; overflow: auto }
    .crowd-boxes button { padding: 0 6px; border-color: transparent; background: none } .crowd-boxes button[aria-pressed=true] { background: #ddf4ff }
    .crowd-submit { margin-top: 12px } .crowd-submit button, crowd-button[variant=primary] button { background: #1a7f37; border-color: #1a7f37; color: #fff; padding: 8px 22px; font-weight: 600 }
    .crowd-problem { margin: 0 0 10px; padding: 8px 12px; border: 1px solid #d4a72c; border-radius: 6px; background: #fff8c5 }`;

  const define = (name, element) => customElements.define(name, element);
  // Elements are made when their contents are there.
  document.addEventListener("DOMContentLoaded", () => {
    make(document.head, "style", { textContent: STYLE });
    define("crowd-image-classifier", class extends OneChoice {});
    define("crowd-classifier", class extends OneChoice {});
    define("crowd-image-classifier-multi-select", class extends ManyChoices {});
    define("crowd-bounding-box", class extends Boxes {});
    define("crowd-button", Button);
    define("crowd-input", Input);
    define("crowd-checkbox", Checkbox);
    define("crowd-radio-button", Radio);
    define("crowd-radio-group", RadioGroup);
    define("crowd-form", Form);
    document.dispatchEvent(new Event("all-crowd-elements-ready"));
  });
})();
