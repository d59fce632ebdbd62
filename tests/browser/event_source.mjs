// An `EventSource` in a page of the router's own that goes on by itself while the router is killed
// and started again. Prints what it got as one line of JSON when it has the event `enough`, which
// is the last one; what it must be is for the test to say.
import { withChromium } from "./chromium.mjs";

const router = new URL(process.argv[2]);
const enough = Number(process.argv[3]);

// Runs in a page.
function listen({ enough }) {
  const got = { seqs: [], subscribed: [], gaps: [], byes: 0 };
  const source = new EventSource("/v1/stream?event_type=seen&client_id=browser");
  const parsed = (take) => ({ data }) => take(JSON.parse(data));
  source.addEventListener("subscribed", parsed((data) => got.subscribed.push(data)));
  source.addEventListener("gap", parsed((data) => got.gaps.push(data)));
  source.addEventListener("bye", () => (got.byes += 1));
  return new Promise((done) => {
    source.onmessage = ({ data, lastEventId }) => {
      const { seq, epoch } = JSON.parse(data);
      if (lastEventId !== `${epoch}.${seq}`) done({ ...got, strange: lastEventId });
      got.seqs.push(seq);
      if (seq >= enough) done(got);
    };
  });
}

const got = await withChromium(async (browser) => {
  const page = await browser.newPage();
  await page.goto(`${router.origin}/livez`);
  return page.evaluate(listen, { enough });
});
console.log(JSON.stringify(got));
