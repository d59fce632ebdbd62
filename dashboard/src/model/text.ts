// Text of strangers, made fit to be looked at: nothing in it moves the cursor, turns the line round or hides.

/** Controls, marks that turn the direction of writing, and what has no width; but not the line feed and the tab. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** How much of a text is shown where there is no more room, in UTF-16 units. */
export const SHORT = 200;
export const LONG = 2000;

/** What is hidden is named: `⟨1B⟩` is an escape, `⟨202E⟩` the mark that turns the direction. */
export function visible(text: string, most: number = LONG): string {
  const cut = text.length > most ? whole(text, most) : text;
  const shown = cut.replace(HIDDEN, (it) => `⟨${it.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}⟩`);
  const rest = text.length - cut.length;
  return rest > 0 ? `${shown}… (${rest.toLocaleString("en")} more characters)` : shown;
}

/** The same on one line. */
export function oneLine(text: string, most: number = SHORT): string {
  return visible(text.length > most ? `${whole(text, most)}…` : text, most + 1).replace(/[\n\t]/g, " ");
}

/** The beginning of a text, without half a character at its end. */
function whole(text: string, most: number): string {
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most);
}
