# instance.sed: makes agentcgi@.socket and agentcgi@.service of the units
# without @: for one instance for each site, with a configuration, a socket,
# a state directory and keys of its own; user and aws-config are the same for
# all.  make install runs it.
s|^Description=agentcgi|& for %i|
s|agentcgi\.socket|agentcgi@%i.socket|
s|^ListenStream=\(.*\)/agentcgi\.sock|ListenStream=\1/%i.sock|
s|^ExecStart=.* serve|& --config /etc/agentcgi/%i.conf|
s|^StateDirectory=agentcgi|&-%i|
s|/var/lib/agentcgi|&-%i|
s|^LoadCredential=aws-credentials:/etc/agentcgi/|&%i.|
s|^Environment=AWS_SHARED_CREDENTIALS_FILE=/etc/agentcgi/|&%i.|
s|^EnvironmentFile=-/etc/agentcgi/|&%i.|
s|systemctl edit agentcgi|&@|
