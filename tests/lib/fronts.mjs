// The ways to stand in front of agentcgi.  Each is a server that includes the
// file of conf/ as it is shipped; only paths, port and mount are put in place
// of the shipped ones.
//
// A front's name is a way, and what to vary: "nginx", "nginx-tcp" (agentcgi
// on a TCP socket), "nginx-h2" (the client speaks HTTP/2, without TLS).

import fs from "node:fs";
import path from "node:path";

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), "../..");
const env = (name, value) => process.env[name] ?? value;
const APACHE_MODULES = env("APACHE_MODULES", ["/usr/lib/apache2/modules",
	"/usr/lib64/httpd/modules"].find((dir) => fs.existsSync(dir)));
const asRoot = process.getuid() === 0;

/*
 * Of each way:
 *   server, conf    the program, the file in conf/
 *   kind            service (agentcgi runs by itself), spawn (the server
 *                   starts one process for all), fcgid (one at a time in
 *                   each process), cgi
 *   leave           when agentcgi learns that a client has left: "now", or
 *                   how many more writes it takes
 *   crash           what a client sees when agentcgi is killed: the answer is
 *                   "cut", or ends as if it were "whole", or whole with an
 *                   error "page" of the server's at its end
 *   tcp, h2         whether there are such variants
 */
const WAYS = {
	"lighttpd": { server: "lighttpd", conf: "lighttpd.conf", kind: "service",
		leave: "now", crash: "cut", tcp: true, h2: true },
	"lighttpd-spawn": { server: "lighttpd", conf: "lighttpd-spawn.conf", kind: "spawn",
		leave: "now", crash: "cut" },
	"lighttpd-cgi": { server: "lighttpd", conf: "lighttpd-cgi.conf", kind: "cgi",
		leave: "now", crash: "whole", h2: true },
	"nginx": { server: "nginx", conf: "nginx.conf", kind: "service",
		leave: "now", crash: "whole", tcp: true, h2: true },
	"apache": { server: "apache", conf: "apache-proxy-fcgi.conf", kind: "service",
		leave: 2, crash: "cut", tcp: true, h2: true },
	"apache-fcgid": { server: "apache", conf: "apache-fcgid.conf", kind: "fcgid",
		leave: 2, crash: "page", h2: true },
	"apache-cgi": { server: "apache", conf: "apache-cgi.conf", kind: "cgi",
		leave: 2, crash: "whole", h2: true },
	"apache-htaccess": { server: "apache", conf: "htaccess.sample", kind: "cgi",
		leave: 2, crash: "whole", prefork: true, mount: "/chat/api" },
	"caddy": { server: "caddy", conf: "Caddyfile", kind: "service",
		leave: 4, crash: "whole", tcp: true, h2: true },
	"h2o": { server: "h2o", conf: "h2o.conf", kind: "service",
		leave: 2, crash: "whole", tcp: true, h2: true },
};

export function frontOf(name) {
	const h2 = name.endsWith("-h2");
	const plain = h2 ? name.slice(0, -3) : name;
	const tcp = plain.endsWith("-tcp");
	const way = tcp ? plain.slice(0, -4) : plain;
	if (!WAYS[way])
		throw new Error(`no front is named ${name}`);
	return { name, way, ...WAYS[way], tcp, h2 };
}

// Instrumented programs take long: they get one way of each kind.
const few = process.env.AGENTCGI_VARIANT === "asan";
const names = Object.keys(WAYS);

// One front for each way.
export const FRONTS = few ? ["lighttpd", "nginx", "apache-fcgid", "lighttpd-cgi"] : names;
// Every way, over each kind of socket and each version of HTTP.
export const ALL_FRONTS = few ? FRONTS : names.flatMap((name) => [name,
	...(WAYS[name].tcp ? [`${name}-tcp`] : []),
	...(WAYS[name].h2 ? [`${name}-h2`] : [])]);
// Those where one process serves all.
export const SERVICES = FRONTS.filter((name) => ["service", "spawn"].includes(WAYS[name].kind));
// Those where it is not the web server that starts it.
export const EXTERNAL = FRONTS.filter((name) => WAYS[name].kind === "service");

/* ---- the shipped file, put in place ---- */

const over = {
	lighttpd: (address) => [/"socket" => "[^"]*"/,
		`"host" => "127.0.0.1", "port" => ${address.port}`],
	nginx: (address) => [/unix:[^;]*/, `127.0.0.1:${address.port}`],
	apache: (address) => [/"unix:[^"]*"/, `"fcgi://127.0.0.1:${address.port}/"`],
	caddy: (address) => [/unix\/\S+/, `127.0.0.1:${address.port}`],
	h2o: (address) => [/^ {2}fastcgi\.connect:.*/m,
		`  fastcgi.connect: {host: 127.0.0.1, port: ${address.port}, type: tcp}`],
};

// What a reader of the file would change: the prefix.  The root has no name
// before its slash.
function mounted(text, mount) {
	if (mount !== "/")
		return text.replaceAll("/api", mount);
	return text.replaceAll("/api/", "/").replaceAll('"/api":', '"/":')
		.replace(/^ScriptAlias "[^"]*" "(.*)"/m, 'ScriptAlias "/" "$1/"')
		.replace('<Location "${agentcgi_mount}">', '<Location "/">')
		.replaceAll("${agentcgi_mount}", "");
}

function shipped(bed) {
	let text = fs.readFileSync(path.join(ROOT, "conf", bed.front.conf), "utf8");
	if (bed.address.port)
		text = text.replace(...over[bed.front.server](bed.address));
	text = text.replaceAll("/run/agentcgi/agentcgi.sock", bed.socket)
		.replaceAll("/run/lighttpd/agentcgi.sock", path.join(bed.dir, "f"))
		.replaceAll("/usr/lib/agentcgi/agentcgi.cgi", bed.program)
		.replaceAll("/usr/lib/agentcgi", path.dirname(bed.program))
		.replaceAll("/usr/share/agentcgi/htdocs", bed.htdocs);
	if (bed.mount !== "/api" && bed.front.way !== "apache-htaccess")
		text = mounted(text, bed.mount);
	return bed.change(text, bed);
}

/* ---- the servers ---- */

const quote = (text) => `"${String(text).replace(/["\\]/g, "\\$&")}"`;

// What the server is to give to the programs it starts.
function environment(bed) {
	return Object.entries({ ...bed.env,
		...(bed.configPath && { AGENTCGI_CONFIG: bed.configPath }) });
}

function lighttpdConfig(bed, port, include) {
	const pairs = environment(bed).map(([k, v]) => `  ${quote(k)} => ${quote(v)}`).join(",\n");
	const cgi = bed.front.kind === "cgi" && `
server.modules += ( "mod_setenv", "mod_cgi" )
setenv.set-environment = (\n${pairs}\n)
$HTTP["url"] =~ "^/cgi-bin/agentcgi(/|$)" {
  cgi.assign = ( "" => "" )
  server.stream-response-body = 2
}
`;
	const squeeze = bed.compress && `
server.modules += ( "mod_deflate" )
deflate.mimetypes = ( "" )
deflate.allowed-encodings = ( "br", "gzip", "deflate" )
`;
	return `
server.document-root = "${bed.docroot}"
server.errorlog = "${bed.dir}/front.log"
server.breakagelog = "${bed.dir}/agentcgi.log"
server.pid-file = "${bed.dir}/front.pid"
server.upload-dirs = ( "${bed.dir}" )
server.bind = "127.0.0.1"
server.port = ${port}
server.max-fds = 16384
server.max-connections = 6000
server.listen-backlog = 4096
server.max-keep-alive-requests = 1000
mimetype.assign = ( ".txt" => "text/plain", ".html" => "text/html",
    ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml" )
${squeeze || ""}${cgi || ""}
include "${include}"
`;
}

// A spawned program gets its environment from the shipped file's own line.
function lighttpdShipped(bed, text) {
	if (bed.front.kind !== "spawn")
		return text;
	const pairs = environment(bed).map(([k, v]) => `${quote(k)} => ${quote(v)}`).join(", ");
	return text.replace(/#"bin-environment".*/,
		`"bin-environment" => ( ${pairs} ), "bin-copy-environment" => ( "PATH" ),`);
}

// /stock is what somebody gets who uses Debian's fastcgi_params as they are.
function nginxConfig(bed, port, include) {
	fs.copyFileSync("/etc/nginx/fastcgi_params", path.join(bed.dir, "fastcgi_params"));
	const to = bed.address.port ? `127.0.0.1:${bed.address.port}` : `unix:${bed.socket}`;
	const squeeze = bed.compress ? "gzip on; gzip_types *; gzip_min_length 1;" : "";
	return `daemon off;
worker_processes 1;
pid ${bed.dir}/front.pid;
error_log ${bed.dir}/front.log;
${asRoot ? "user root;" : ""}
events { worker_connections 8192; }
http {
  types { text/html html; text/css css; text/javascript js; image/svg+xml svg; text/plain txt; }
  access_log off;
  client_body_temp_path ${bed.dir}/body; fastcgi_temp_path ${bed.dir}/fcgi;
  proxy_temp_path ${bed.dir}/proxy; uwsgi_temp_path ${bed.dir}/uwsgi; scgi_temp_path ${bed.dir}/scgi;
  ${squeeze}
  server {
    listen 127.0.0.1:${port} backlog=4096;
    listen 127.0.0.1:${bed.h2port} http2;
    server_name localhost;
    root ${bed.docroot};
    include ${include};
    location /stock/ {
      include fastcgi_params;
      fastcgi_pass ${to};
    }
  }
}
`;
}

// Apache's own files do not show: only what is loaded here is there.
function apacheConfig(bed, port, include) {
	const { front } = bed;
	const modules = ["authz_core", "authz_host", "env", "setenvif", "alias", "mime", "dir",
		"filter", "deflate", "headers", front.prefork ? "mpm_prefork" : "mpm_event",
		...(front.prefork ? [] : ["http2"]),
		...(front.kind === "service" ? ["proxy", "proxy_fcgi"] : []),
		...(front.kind === "fcgid" ? ["fcgid"] : []),
		...(front.kind === "cgi" ? [front.prefork ? "cgi" : "cgid", "rewrite"] : [])]
		.map((m) => `LoadModule ${m}_module ${APACHE_MODULES}/mod_${m}.so\n`).join("");
	const given = environment(bed).map(([k, v]) => (front.kind === "fcgid"
		? `FcgidInitialEnv ${k} ${quote(v)}\n` : `SetEnv ${k} ${quote(v)}\n`)).join("");
	return `ServerRoot ${bed.dir}
DefaultRuntimeDir ${bed.dir}
PidFile ${bed.dir}/front.pid
ServerName localhost
${asRoot ? "User www-data\nGroup www-data" : ""}
${modules}
<IfModule !unixd_module>
LoadModule unixd_module ${APACHE_MODULES}/mod_unixd.so
</IfModule>
<IfModule cgid_module>
ScriptSock ${bed.dir}/cgisock
</IfModule>
<IfModule fcgid_module>
FcgidIPCDir ${bed.dir}/fcgid
FcgidProcessTableFile ${bed.dir}/fcgid_shm
</IfModule>
<IfModule http2_module>
Protocols h2c http/1.1
H2Direct on
</IfModule>
ErrorLog ${bed.dir}/front.log
LogLevel warn
TypesConfig /dev/null
AddType text/html .html
AddType text/css .css
AddType text/javascript .js
AddType image/svg+xml .svg
AddType text/plain .txt
Listen 127.0.0.1:${port}
DocumentRoot ${bed.docroot}
<Directory ${bed.docroot}>
  Require all granted
  AllowOverride All
</Directory>
${bed.compress ? "SetOutputFilter DEFLATE" : ""}
${front.kind === "service" ? "" : given}
${front.way === "apache-htaccess" ? "" : `Include ${include}`}
`;
}

// The sample goes where it is used, with the lines that the tests need.
function placeHtaccess(bed, text) {
	const dir = path.join(bed.docroot, "chat");
	fs.cpSync(bed.htdocs, dir, { recursive: true });
	fs.copyFileSync(bed.program, path.join(dir, "agentcgi.cgi"));
	fs.writeFileSync(path.join(dir, ".htaccess"),
		text.replace(/^#(CGIPassAuth|SetEnv no-|Rewrite)/gm, "$1"));
}

function caddyConfig(bed, port, include) {
	return `{
	admin unix/${bed.dir}/admin
	auto_https off
	storage file_system ${bed.dir}/caddy
	servers {
		protocols h1 h2c
	}
}
http://:${port} {
	bind 127.0.0.1
	${bed.compress ? "encode gzip" : ""}
	import ${include}
	root * ${bed.docroot}
	file_server
}
`;
}

function h2oConfig(bed, port, include) {
	const paths = fs.readFileSync(include, "utf8").replace(/^/gm, "      ");
	return `listen:
  host: 127.0.0.1
  port: ${port}
${asRoot ? "user: root" : ""}
num-threads: 2
pid-file: ${bed.dir}/front.pid
error-log: ${bed.dir}/front.log
temp-buffer-path: ${bed.dir}
${bed.compress ? "compress: ON" : ""}
hosts:
  "127.0.0.1:${port}":
    paths:
${paths}
${bed.mount === "/" ? "" : `      "/":
        file.dir: ${bed.docroot}`}
`;
}

const LIGHTTPD_MODULES = process.env.LIGHTTPD_MODULES;
const SERVERS = {
	lighttpd: {
		config: lighttpdConfig,
		argv: (bed, file) => [env("LIGHTTPD", "/usr/sbin/lighttpd"), "-D", "-f", file,
			...(LIGHTTPD_MODULES ? ["-m", LIGHTTPD_MODULES] : [])],
	},
	nginx: {
		config: nginxConfig,
		argv: (bed, file) => [env("NGINX", "/usr/sbin/nginx"), "-p", bed.dir,
			"-e", path.join(bed.dir, "front.log"), "-c", file],
	},
	apache: {
		config: apacheConfig,
		argv: (bed, file) => [env("APACHE", ["/usr/sbin/apache2", "/usr/sbin/httpd"]
			.find((p) => fs.existsSync(p))), "-D", "FOREGROUND", "-f", file],
	},
	caddy: {
		config: caddyConfig,
		argv: (bed, file) => [env("CADDY", "/usr/bin/caddy"), "run",
			"--adapter", "caddyfile", "--config", file],
	},
	h2o: {
		config: h2oConfig,
		argv: (bed, file) => [env("H2O", "/usr/bin/h2o"), "-c", file],
	},
};

/* Write the files of bed's server for this port; what to start it with. */
export function writeServer(bed, port) {
	const { front } = bed;
	const include = path.join(bed.dir, "shipped.conf");
	const file = path.join(bed.dir, "front.conf");
	const text = front.server === "lighttpd" ? lighttpdShipped(bed, shipped(bed)) : shipped(bed);
	fs.writeFileSync(include, text);
	if (front.way === "apache-htaccess")
		placeHtaccess(bed, text);
	fs.writeFileSync(file, bed.changeServer(SERVERS[front.server].config(bed, port, include), bed));
	return SERVERS[front.server].argv(bed, file);
}
