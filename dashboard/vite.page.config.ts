import { defineConfig } from "vite";

const ROUTER = process.env["SIGNALBOX_URL"] ?? "http://127.0.0.1:8080";

// The page that the router serves. What it loads beside itself has a hash in its name, and may be kept for ever.
export default defineConfig({
  base: "./",
  build: {
    outDir: "dist/page",
    emptyOutDir: true,
    // The policy of the page lets no `data:` in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2022",
  },
  // While it is worked on, it comes from here, and all else from a router.
  server: {
    proxy: {
      "^/(v1|realtime|socket|livez|readyz|metrics|openapi.json|docs)": { target: ROUTER, changeOrigin: true, ws: true },
    },
  },
});
