// The game's page: asks the page that frames it to take a payment.

// `new URL` throws on "*": a configuration that would tell everybody tells nobody.
const operatorOrigin = new URL(document.querySelector("meta[name=operator-origin]").content).origin;

/** The message for the product of this button. Numbers are sent as numbers, never as strings. */
function initiation(product) {
  return {
    serverId: Number(product.serverId),
    cpOrderId: newOrderId(),
    productId: product.productId,
    productPrice: Number(product.productPrice),
    extParams: "",
    productName: product.productName,
    productDesc: product.productDesc,
    productNumber: 1,
  };
}

/** A real game asks its own server, which writes the order down before the player can pay for it. */
function newOrderId() {
  return crypto.randomUUID().replaceAll("-", "");
}

for (const button of document.querySelectorAll("button[data-product-id]")) {
  button.addEventListener("click", () => {
    // The browser delivers this only if the parent's origin is exactly that one.
    window.parent.postMessage(initiation(button.dataset), operatorOrigin);
  });
}
