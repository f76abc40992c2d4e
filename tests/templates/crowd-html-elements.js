// Stands in for https://assets.crowd.aws/crowd-html-elements.js: the three elements that our templates use, as plain
// as possible. Attributes are read and answers submitted as the Developer Guide's page of each element says.
"use strict";

const add = (parent, name, properties = {}) => {
  const element = Object.assign(document.createElement(name), properties);
  parent.append(element);
  return element;
};

class ImageElement extends HTMLElement {
  connectedCallback() {
    add(this, "h2", { textContent: this.getAttribute("header") });
    this.surface = add(this, "div", { style: "position:relative;display:inline-block" });
    this.image = add(this.surface, "img", { src: this.getAttribute("src"), draggable: false, style: "display:block" });
    this.buttons = add(this, "div", { className: "categories" });
    for (const name of this.categories()) this.addButton(name);
    this.build();
  }
  categories() {
    return JSON.parse(this.getAttribute("categories"));
  }
  addButton(name) {
    const button = add(this.buttons, "button", { type: "button", textContent: name, dir: "auto" });
    button.addEventListener("click", () => this.choose(name, button));
  }
  build() {}
}

customElements.define("crowd-image-classifier", class extends ImageElement {
  choose(name, button) {
    for (const other of this.buttons.children) other.ariaPressed = String(other === button);
    this.value = { label: name };
  }
});

customElements.define("crowd-image-classifier-multi-select", class extends ImageElement {
  build() {
    // The documented form of this attribute is not JSON: { text: '…' }.
    const exclusion = /^\{\s*text:\s*'([^']*)'\s*\}$/.exec(this.getAttribute("exclusion-category"));
    if (exclusion) this.addButton(exclusion[1]);
    this.value = { labels: [] };
  }
  choose(name, button) {
    const chosen = this.value.labels.includes(name);
    button.ariaPressed = String(!chosen);
    this.value = { labels: chosen ? this.value.labels.filter((other) => other !== name) : [...this.value.labels, name] };
  }
});

customElements.define("crowd-bounding-box", class extends ImageElement {
  categories() {
    return JSON.parse(this.getAttribute("labels"));
  }
  build() {
    this.boxes = [];
    for (const box of JSON.parse(this.getAttribute("initial-value") ?? "[]")) this.addBox(box);
    const at = (event) => {
      const image = this.image.getBoundingClientRect();
      return { left: Math.round(event.clientX - image.left), top: Math.round(event.clientY - image.top) };
    };
    this.surface.addEventListener("mousedown", (event) => (this.begin = at(event)));
    this.surface.addEventListener("mouseup", (event) => {
      const end = at(event);
      const [width, height] = [end.left - this.begin.left, end.top - this.begin.top];
      this.addBox({ label: this.label, ...this.begin, width, height });
    });
  }
  choose(name, button) {
    for (const other of this.buttons.children) other.ariaPressed = String(other === button);
    this.label = name;
  }
  addBox({ label, left, top, width, height }) {
    this.boxes.push({ height, label, left, top, width });
    const place = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
    add(this.surface, "div", { className: "box", textContent: label, dir: "auto", style: place });
  }
  get value() {
    const { naturalHeight: height, naturalWidth: width } = this.image;
    return { boundingBoxes: this.boxes, inputImageProperties: { height, width } };
  }
});

customElements.define("crowd-form", class extends HTMLElement {
  connectedCallback() {
    document.addEventListener("DOMContentLoaded", () => {
      const submit = add(this, "button", { type: "button", id: "submit", textContent: "Submit" });
      submit.addEventListener("click", () => {
        const named = [...this.querySelectorAll("[name]")].filter((element) => element.value !== undefined);
        window.submitted = JSON.stringify(Object.fromEntries(named.map((element) => [element.getAttribute("name"), element.value])));
      });
    });
  }
});

add(document.head, "style", {
  textContent: `
    body { font: 14px sans-serif; margin: 16px; max-width: 900px }
    h2 { margin: 8px 0; line-height: 32px } /* the image begins at a whole pixel */
    .categories { margin: 8px 0 } .categories button { margin: 2px; white-space: pre-wrap }
    button[aria-pressed=true] { background: #06c; color: #fff }
    .box { position: absolute; box-sizing: border-box; border: 2px solid #c00; color: #c00; font-size: 10px; overflow: hidden; pointer-events: none }
    crowd-form > * { display: block }
    full-instructions, short-instructions { display: block; border-top: 1px solid #ccc }`,
});
