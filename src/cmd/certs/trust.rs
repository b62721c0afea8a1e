//! Instructions to make systems, browsers and tools trust the authority.

use std::io::{self, Write};
use std::path::Path;

/// Stands for the path of the authority's certificate.
const PLACEHOLDER: &str = "CA_FILE";

const INSTRUCTIONS: &str = r#"Trust this authority on the machine where the browser runs, then start the browser again:

    CA_FILE

It can sign only for this machine, local networks, and names that end in .localhost, .local, .test, .internal, .lan
or .home.arpa. Its key must not leave this machine.

Debian, Ubuntu      sudo cp "CA_FILE" /usr/local/share/ca-certificates/ws-mock.crt
                    sudo update-ca-certificates
Fedora, RHEL        sudo cp "CA_FILE" /etc/pki/ca-trust/source/anchors/ws-mock.pem
                    sudo update-ca-trust
Arch                sudo trust anchor "CA_FILE"
macOS               sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "CA_FILE"
Windows             certutil -user -addstore Root "CA_FILE"

Chrome, Chromium    macOS and Windows: the system's, as above. Linux has a list of its own (package libnss3-tools):
                    certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ws-mock -i "CA_FILE"
Firefox             Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import,
                    and tick "Trust this CA to identify websites". On macOS and Windows it can use the system's:
                    about:config, security.enterprise_roots.enabled = true

Node                NODE_EXTRA_CA_CERTS="CA_FILE" node app.js
                    (or, from Node 22.15 on, the system's: node --use-system-ca app.js)
Python              SSL_CERT_FILE="CA_FILE" python app.py
                    (or in the code: ssl.create_default_context(cafile=...))
curl, wscat         curl --cacert "CA_FILE" ...    wscat --ca "CA_FILE" -c wss://localhost:10009/ws

Android             Copy the file to the device; Settings > Security > Encryption & credentials > Install a
                    certificate > CA certificate. Chrome trusts it then; an app does so only if its
                    network_security_config has <certificates src="user" />.
                    With `adb reverse tcp:10009 tcp:10009` the device reaches the server as localhost.
iPhone, iPad        Send the file to the device and install the profile, then Settings > General > About >
                    Certificate Trust Settings.

To take the trust back, remove "ws-mock development CA" where you added it. A new authority: ws-mock certs --force
"#;

pub(super) fn write(authority: &Path, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        INSTRUCTIONS
            .replace(PLACEHOLDER, &authority.display().to_string())
            .as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_instructions() {
        let mut out = Vec::new();
        write(Path::new("/data/ca.pem"), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for word in [
            "Debian",
            "Fedora",
            "macOS",
            "Windows",
            "Firefox",
            "Chromium",
            "NODE_EXTRA_CA_CERTS",
            "Android",
            "\"/data/ca.pem\"",
        ] {
            assert!(text.contains(word), "{word}");
        }
        assert!(!text.contains(PLACEHOLDER));
    }
}
