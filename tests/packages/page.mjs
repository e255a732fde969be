// page URL PICTURE: opens the page in chromium, asks, waits for the end of the
// answer, and takes a picture.  Fails if there is no answer, or if the page
// has anything to complain of.

import { chromium } from "playwright-core";

const [url, picture] = process.argv.slice(2);
const FLAGS = [
	"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update",
	"--disable-sync",
];
const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
const said = [];
try {
	const page = await browser.newPage({ locale: "en-GB",
		viewport: { width: 800, height: 600 } });
	page.setDefaultTimeout(60_000);
	page.on("console", (m) => said.push(m.text()));
	page.on("pageerror", (e) => said.push(String(e)));
	await page.goto(url);
	await page.locator("#prompt:focus").waitFor();
	await page.locator("#prompt").fill("Who are you?");
	await page.locator("#prompt").press("Enter");
	await page.locator(".answer", { hasText: "demonstration agent" }).waitFor();
	await page.locator("#status", { hasText: "complete" }).waitFor();
	await page.screenshot({ path: picture });
} finally {
	await browser.close();
}
if (said.length > 0) {
	console.error(`the page complains: ${said.join("\n")}`);
	process.exit(1);
}
