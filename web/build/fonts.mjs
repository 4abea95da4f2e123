// Puts the three fonts that the server draws map labels with, and their licence, into `public/fonts`, from where Vite
// takes them into `dist/fonts`. The pages themselves use small Latin subsets of the same fonts as WOFF2.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const from = new URL("../node_modules/@expo-google-fonts/noto-sans/", import.meta.url);
const to = new URL("../public/fonts/", import.meta.url);

const files = {
  "400Regular/NotoSans_400Regular.ttf": "NotoSans-Regular.ttf",
  "600SemiBold/NotoSans_600SemiBold.ttf": "NotoSans-SemiBold.ttf",
  "700Bold/NotoSans_700Bold.ttf": "NotoSans-Bold.ttf",
  LICENSE_FONT: "OFL.txt",
};

await rm(fileURLToPath(to), { recursive: true, force: true });
await mkdir(to, { recursive: true });
for (const [source, target] of Object.entries(files)) await copyFile(new URL(source, from), new URL(target, to));
