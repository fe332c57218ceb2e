// What a page can't do without a script.
"use strict";

// On a phone the list of pages is moved to and fro: the one that is open has to be seen.
const here = document.querySelector(".rooms [aria-current]");
if (here) {
  const rooms = here.closest(".rooms");
  rooms.scrollLeft = here.offsetLeft - (rooms.clientWidth - here.offsetWidth) / 2;
}

// A secret that is shown once is copied.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const secret = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(secret.textContent.trim());
    button.textContent = button.dataset.copied;
  } catch {
    // Where the clipboard is not ours to use, the text is there to be taken.
    getSelection().selectAllChildren(secret);
  }
});

// Without a script there is nothing that the button could do.
for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;

// What comes to fill a part of a page is a page of the room. When the sign-in has ended it is not,
// and the person must see that; a service that is away is asked again.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { status, responseText } = event.detail.xhr;
  if (responseText.includes('<body class="room">')) return;
  event.preventDefault();
  if (status < 500) location.reload();
});
