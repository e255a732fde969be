// A throw-away authority and a certificate for 127.0.0.1, made by openssl.

import fs from "node:fs";
import path from "node:path";
import { runToEnd, temporary } from "./proc.mjs";

async function openssl(...args) {
	const done = await runToEnd(["openssl", ...args]);
	if (done.code !== 0)
		throw new Error(`openssl ${args.join(" ")}: ${done.err}`);
}

/* {ca: FILE, cert: FILE, key: FILE, tls: {cert, key}}; the name is what the
 * certificate is for. */
export async function makeCertificate(name = "IP:127.0.0.1") {
	const dir = temporary("acgi-tls-");
	const file = (n) => path.join(dir, n);
	const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	await openssl("req", "-x509", ...newKey, "-days", "2",
		"-subj", "/CN=agentcgi tests", "-keyout", file("ca.key"),
		"-out", file("ca.pem"));
	await openssl("req", ...newKey, "-subj", "/CN=upstream",
		"-keyout", file("key.pem"), "-out", file("csr.pem"));
	fs.writeFileSync(file("ext"), `subjectAltName=${name}\n`);
	await openssl("x509", "-req", "-in", file("csr.pem"), "-days", "2",
		"-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial",
		"-extfile", file("ext"), "-out", file("cert.pem"));
	return {
		ca: file("ca.pem"),
		cert: file("cert.pem"),
		key: file("key.pem"),
		tls: {
			cert: fs.readFileSync(file("cert.pem")),
			key: fs.readFileSync(file("key.pem")),
		},
	};
}
