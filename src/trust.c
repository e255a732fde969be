#include "trust.h"

#include <dirent.h>
#include <stddef.h>
#include <unistd.h>

/* Debian and Ubuntu, Fedora and EL, openSUSE, FreeBSD. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/usr/local/etc/ssl/cert.pem",
};

static const char hashed_dir[] = "/etc/ssl/certs";

/* "0a1b2c3d.0" */
static bool is_hashed(struct slice name)
{
	if (name.len != 10 || !slice_ends(name, SLICE(".0")))
		return false;
	for (size_t i = 0; i < 8; i++) {
		char c = name.ptr[i];

		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
	}
	return true;
}

static bool has_hashes(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && (entry = readdir(dir)) != NULL)
		found = is_hashed(slice_from(entry->d_name));
	(void)closedir(dir);
	return found;
}

static bool is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

struct trust trust_find(
    const char *ca_file, trust_getenv *getenv, bool one_connection)
{
	static const char *const variables[] = {
	    "AWS_CA_BUNDLE", "SSL_CERT_FILE"};

	if (is_set(ca_file))
		return (struct trust){.file = ca_file};
	for (size_t i = 0; i < 2; i++) {
		const char *file = getenv(variables[i]);

		if (is_set(file))
			return (struct trust){.file = file};
	}
	if (one_connection && has_hashes(hashed_dir))
		return (struct trust){.dir = hashed_dir};
	for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
		if (access(bundles[i], R_OK) == 0)
			return (struct trust){.file = bundles[i]};
	}
	return (struct trust){0};
}
