// Where the page begins.

import "uplot/dist/uPlot.min.css";
import "../styles/page.css";
import { render } from "preact";
import { open } from "./feed.js";
import { Shell } from "./shell.js";
import { apply } from "./theme.js";

apply();
open();
const root = document.getElementById("page");
if (root) {
  root.replaceChildren();
  render(<Shell />, root);
}
