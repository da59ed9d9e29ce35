//! Where a pull request is opened: the pages of the git servers that people use.
//!
//! Answers for an address without credentials, made of host and path of the remote's alone. Pure; a
//! server of another kind has none.

use crate::escape;

/// The address at which a pull request of one branch into another is opened.
pub fn pull_request(remote: &str, branch: &str, into: &str) -> Option<String> {
    let Place { scheme, host, path } = place(remote)?;
    let page = format!("{scheme}://{host}/{}", in_path(&path));
    let (branch_in_path, into_in_path) = (in_path(branch), in_path(into));
    let (branch, into) = (escape::url(branch), escape::url(into));
    match kind(&host)? {
        Kind::GitHub => Some(format!("{page}/compare/{into_in_path}...{branch_in_path}?expand=1")),
        Kind::Gitea => Some(format!("{page}/compare/{into_in_path}...{branch_in_path}")),
        Kind::GitLab => Some(format!(
            "{page}/-/merge_requests/new?merge_request%5Bsource_branch%5D={branch}\
             &merge_request%5Btarget_branch%5D={into}"
        )),
        Kind::Bitbucket => Some(format!("{page}/pull-requests/new?source={branch}&dest={into}")),
    }
}

struct Place {
    /// Of its pages.
    scheme: &'static str,
    /// With a port where its pages have one.
    host: String,
    path: String,
}

enum Kind {
    GitHub,
    GitLab,
    /// Also Forgejo.
    Gitea,
    Bitbucket,
}

/// By the name of the host, which is all that an address says.
fn kind(host: &str) -> Option<Kind> {
    let name = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let has = |word: &str| name.split('.').any(|label| label.contains(word));
    if name == "bitbucket.org" {
        Some(Kind::Bitbucket)
    } else if has("github") {
        Some(Kind::GitHub)
    } else if has("gitlab") {
        Some(Kind::GitLab)
    } else if ["gitea", "forgejo", "codeberg"].into_iter().any(has) {
        Some(Kind::Gitea)
    } else {
        None
    }
}

/// `https://…`, `ssh://…` or `git@HOST:PATH`, without user and query.
fn place(remote: &str) -> Option<Place> {
    let (scheme, host, path) = match remote.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => {
            let (host, path) = rest.split_once('/')?;
            (if scheme == "http" { "http" } else { "https" }, host, path)
        }
        Some(("ssh", rest)) => {
            let (host, path) = rest.split_once('/')?;
            // The port is that of ssh.
            let end =
                host.rfind(':').filter(|at| host[*at + 1..].bytes().all(|it| it.is_ascii_digit()));
            ("https", &host[..end.unwrap_or(host.len())], path)
        }
        Some(_) => return None,
        None => {
            let (host, path) = remote.split_once(':').filter(|(host, _)| !host.contains('/'))?;
            ("https", host, path)
        }
    };
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    if host.is_empty() || !host.chars().all(is_host) || !path.contains('/') {
        return None;
    }
    Some(Place { scheme, host: web_host(host).to_owned(), path: path.to_owned() })
}

/// Servers that take ssh at the port of their pages do so under names of their own.
fn web_host(host: &str) -> &str {
    match host {
        "ssh.github.com" => "github.com",
        "altssh.gitlab.com" => "gitlab.com",
        "altssh.bitbucket.org" => "bitbucket.org",
        host => host,
    }
}

/// With its slashes and dots.
fn in_path(path: &str) -> String {
    escape::url(path).replace("%2F", "/").replace("%2E", ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_has_its_page() {
        let compare = "compare/main...reconcile/spring-1";
        let merge = "-/merge_requests/new?merge_request%5Bsource_branch%5D=reconcile%2Fspring-1\
                     &merge_request%5Btarget_branch%5D=main";
        let github = Some(format!("https://github.com/shop/manifests/{compare}?expand=1"));
        let codeberg = Some(format!("https://codeberg.org/shop/manifests/{compare}"));
        for (remote, page) in [
            ("https://github.com/shop/manifests.git", github.clone()),
            ("https://jo:CANARY@github.com/shop/manifests?token=CANARY", github.clone()),
            ("git@github.com:shop/manifests.git", github.clone()),
            ("github.com:shop/manifests", github.clone()),
            ("ssh://git@ssh.github.com:443/shop/manifests.git", github),
            ("https://gitlab.com/a/b/c.git", Some(format!("https://gitlab.com/a/b/c/{merge}"))),
            (
                "http://gitlab.shop.example:8080/a/b.git/",
                Some(format!("http://gitlab.shop.example:8080/a/b/{merge}")),
            ),
            ("git@codeberg.org:shop/manifests.git", codeberg.clone()),
            ("ssh://git@codeberg.org:2222/shop/manifests.git", codeberg),
            (
                "https://gitea.shop.example/shop/a b.git",
                Some(format!("https://gitea.shop.example/shop/a%20b/{compare}")),
            ),
            (
                "https://jo@bitbucket.org/shop/manifests.git",
                Some(
                    "https://bitbucket.org/shop/manifests/pull-requests/new?source=reconcile%2Fspring-1\
                     &dest=main"
                        .into(),
                ),
            ),
            ("https://git.shop.example/shop/manifests.git", None),
            ("/srv/github.com/manifests.git", None),
            ("file:///srv/github.com/manifests.git", None),
            ("https://github.com", None),
            ("https://github.com\"onclick=x/a/b", None),
        ] {
            assert_eq!(pull_request(remote, "reconcile/spring-1", "main"), page, "{remote}");
        }
    }
}
