// Builds the pages of the viewer. Two things are special:
//
// - `index.html` is served at `/{atlas}`, possibly behind a path prefix, so no path in it may be relative to the page.
//   Every path in the HTML files therefore begins with `__ROOT__`, which the server replaces by its public path
//   (`/` or `/prefix/`). Scripts and style sheets find each other relative to themselves.
// - Nothing is inlined: the content security policy allows scripts, styles, fonts and workers from 'self' only.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  base: "./",
  publicDir: here("public"),
  experimental: {
    renderBuiltUrl: (path, { hostType }) => (hostType === "html" ? `__ROOT__${path}` : { relative: true }),
  },
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The map library alone is larger than the default limit; it is loaded after the page is readable.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: { index: here("index.html"), start: here("start.html") },
      output: {
        // Not every web server knows that `.mjs` is JavaScript, and a worker of another type is refused.
        assetFileNames: ({ names }) => `assets/[name]-[hash]${names?.[0]?.endsWith(".mjs") ? ".js" : "[extname]"}`,
      },
    },
  },
});
