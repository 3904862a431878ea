// The two things that every part of the page makes: elements and icons.

// properties: those of the element; `data` and `aria` hold attributes of these families.
export function el(tag, { data = {}, aria = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(data)) element.dataset[name] = value;
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function icon(name) {
  const box = document.createElement("span");
  box.className = "icon";
  box.innerHTML = `<svg aria-hidden="true"><use href="#i-${name}"/></svg>`; // names are ours alone
  return box;
}

export function iconButton(name, label, onClick, { className = "" } = {}) {
  const button = el("button", { type: "button", className: `icon-button ${className}`, title: label, aria: { label } }, icon(name));
  button.addEventListener("click", onClick);
  return button;
}

export const setIcon = (button, name) => button.querySelector("use").setAttribute("href", `#i-${name}`);
