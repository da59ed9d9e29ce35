//! A small shop to try the program on, embedded in the binary.
//!
//! Answers for making its folder: two databases, published as any shop that is at work, manifests in a
//! git repository of their own, the operator's file. The story told with it is `cli::demo`'s.

pub mod files;
pub mod git;
mod published;

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::database::{self, Access, Session};
use crate::manifest::problem::Problem;
use crate::publish;
use crate::random::drawn;
use files::{FILES, MENDED, PROD, SCHEMA, SHOP, SOLD, TEST};

/// Says that a folder was made here and may be made anew.
const MARKER: &str = ".reconcile-demo";
const MARKER_TEXT: &str = "made by `reconcile demo`, which makes everything in this folder anew\n";

/// Why the shop couldn't be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    /// Something else lies where the shop should be made.
    #[error("{path} is there already and isn't a demo shop; name another directory", path = .0.display())]
    NotOurs(PathBuf),
    #[error(transparent)]
    Database(#[from] database::Error),
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// Files of the shop can't be read where it was made.
    #[error("{}", .0.iter().map(Problem::one_line).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
}

/// A shop in a folder.
#[derive(Debug, Clone)]
pub struct Shop {
    pub directory: PathBuf,
    /// It was there before this program was started, so someone wanted to keep it.
    pub before: Before,
    /// Of a shop that the daemon watches.
    pub pages: Option<Pages>,
}

/// What lay in the folder before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    EarlierShop,
}

/// Where jobs of the shop run by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manifests {
    FromFolder,
    /// The branch of the repository in that folder, with mail and a branch of results.
    FromGit,
}

/// The line of the operator's file that [`Manifests::FromGit`] replaces,
const FOLDER: &str = "manifests: ./manifests\n";
/// what stands there then,
const GIT: &str = "\
git: {url: ./manifests, branch: main, pollSeconds: 1, resultsBranch: reconcile-results}
mail: {transport: \"file:outbox\", from: reconcile@shop.example, recipients: [\"*@shop.example\"]}
";

/// Where the daemon's pages are, for people of this host who have the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    pub url: String,
    pub token: String,
}

impl Pages {
    /// On a port that is free now.
    fn draw() -> io::Result<Self> {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self { url: format!("http://{free}"), token: drawn()? })
    }

    /// and where the daemon listens.
    fn http(&self) -> String {
        let Self { url, token } = self;
        let listen = url.trim_start_matches("http://");
        format!(
            "http: {{listen: \"{listen}\", publicUrl: \"{url}\", tokens: {{jo@shop.example: {{secret: \
             \"{token}\", may: schedule}}}}}}\n"
        )
    }
}

impl Shop {
    /// Makes the shop anew.
    ///
    /// # Guarantees
    /// Only an empty folder or a shop made here before is written to or emptied.
    pub async fn make(directory: &Path, manifests: Manifests) -> Result<Self, Error> {
        let before = clear(directory)?;
        let pages = match manifests {
            Manifests::FromFolder => None,
            Manifests::FromGit => Some(Pages::draw().map_err(at(directory))?),
        };
        let shop = Self { directory: directory.to_owned(), before, pages };
        std::fs::create_dir_all(directory).map_err(at(directory))?;
        shop.write(MARKER, MARKER_TEXT)?;
        for (path, text) in FILES {
            match &shop.pages {
                Some(pages) if path == "reconcile.yaml" => {
                    let more = format!("{GIT}{}", pages.http());
                    shop.write(path, &text.replace(FOLDER, &more))?;
                }
                _ => shop.write(path, text)?,
            }
        }
        for (name, own) in [("prod.db", PROD), ("test.db", TEST)] {
            shop.write(name, "")?;
            shop.run(name, &[SCHEMA, SHOP, own]).await?;
        }
        git::make_repository(&shop.path("manifests")).await?;
        published::publish(&shop).await?;
        Ok(shop)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// What editors do on TEST about records that can't be approved or shouldn't be.
    pub async fn mend_test(&self) -> Result<(), Error> {
        self.run("test.db", &[MENDED]).await
    }

    /// What a customer does on PROD while the campaign is applied.
    pub async fn sell(&self) -> Result<(), Error> {
        self.run("prod.db", &[SOLD]).await
    }

    /// Removes the folder.
    pub fn remove(&self) -> Result<(), Error> {
        std::fs::remove_dir_all(&self.directory).map_err(at(&self.directory))
    }

    async fn run(&self, name: &str, scripts: &[&'static str]) -> Result<(), Error> {
        let url = format!("sqlite://{}", self.path(name).display());
        let mut session = Session::open(&url, name, Access::Write).await?;
        session.begin().await?;
        for script in scripts {
            session.run_embedded(script).await?;
        }
        session.commit().await?;
        Ok(session.close().await?)
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        let path = self.path(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(at(folder))?;
        }
        std::fs::write(&path, text).map_err(at(&path))
    }
}

fn clear(directory: &Path) -> Result<Before, Error> {
    let about = match std::fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::Nothing),
        about => about.map_err(at(directory))?,
    };
    if !about.is_dir() {
        return Err(Error::NotOurs(directory.to_owned()));
    }
    if directory.join(MARKER).is_file() {
        std::fs::remove_dir_all(directory).map_err(at(directory))?;
        return Ok(Before::EarlierShop);
    }
    let mut entries = std::fs::read_dir(directory).map_err(at(directory))?;
    match entries.next() {
        None => Ok(Before::Nothing),
        Some(_) => Err(Error::NotOurs(directory.to_owned())),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}
