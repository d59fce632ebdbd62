import { defineConfig } from "vite";

// One module that brings all it needs: a page imports it from the router, and loads nothing else.
export default defineConfig({
  build: {
    // What stands there beside it is kept: the folder is what the router's build watches.
    emptyOutDir: false,
    lib: { entry: "src/client/index.ts", formats: ["es"], fileName: () => "client.js" },
    sourcemap: false,
    target: "es2022",
  },
});
