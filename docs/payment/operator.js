// The operator's page: takes an order from the game that it frames, and opens its payment window.

const gameOrigin = new URL(document.querySelector("meta[name=game-origin]").content).origin;
const gameFrame = document.querySelector("#game");
const paymentWindow = document.querySelector("#payment");
const status = document.querySelector("#status");

const whole = (least) => (value) => Number.isSafeInteger(value) && value >= least;
const text = (least, most) => (value) => typeof value === "string" && value.length >= least && value.length <= most;
const price = (value) => Number.isFinite(value) && value > 0;

/** What each field must be, and what it is if the message leaves it out. Without `otherwise` it must be there. */
const FIELDS = {
  serverId: { valid: whole(0) },
  cpOrderId: { valid: text(1, 255) },
  productId: { valid: text(1, 255) },
  productPrice: { valid: price },
  extParams: { valid: text(0, 2000) },
  productName: { valid: text(0, 255), otherwise: "" },
  productDesc: { valid: text(0, 2000), otherwise: "" },
  productNumber: { valid: whole(1), otherwise: 1 },
};

let order = null;

/** The order in a message: the fields above and no others; null if one of them is missing or wrong. */
function readOrder(message) {
  if (typeof message !== "object" || message === null) {
    return null;
  }
  const read = {};
  for (const [name, { valid, otherwise }] of Object.entries(FIELDS)) {
    const value = message[name] === undefined ? otherwise : message[name];
    if (!valid(value)) {
      return null;
    }
    read[name] = value;
  }
  return read;
}

/** What came from the game is shown as text, never as HTML. */
function openPaymentWindow() {
  for (const place of paymentWindow.querySelectorAll("[data-field]")) {
    place.textContent = order[place.dataset.field];
  }
  paymentWindow.showModal();
}

window.addEventListener("message", (event) => {
  // The origin says whose page sent it, the source that it is the page in our frame and not another window of theirs.
  if (event.origin !== gameOrigin || event.source !== gameFrame.contentWindow) {
    return;
  }
  const read = readOrder(event.data);
  if (read === null || paymentWindow.open) {
    return; // one payment at a time
  }
  order = read;
  openPaymentWindow();
});

document.querySelector("#pay").addEventListener("click", () => {
  paymentWindow.close();
  status.textContent = `Order ${order.cpOrderId} is being paid`;
  // Here the operator's own payment begins: whoever listens gives the order to the operator's server. That takes the
  // player from its own session and the price from its own list, for the message came through the player's browser.
  paymentWindow.dispatchEvent(new CustomEvent("pay", { detail: order }));
});

document.querySelector("#cancel").addEventListener("click", () => paymentWindow.close());
