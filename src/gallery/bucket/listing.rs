//! What a bucket holds, page by page.
//!
//! Answers for every object of the selected folders being told, or refused by its name; folders are
//! read side by side. Whatever ends with `/` and is empty is how tools write a folder down.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::Method;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::folders::{Folders, ROOT};
use super::super::names::{is_own, judged, tell_apart};
use super::super::{Listing, Names, Refused, Result};
use super::wire::{Ask, Wire};
use super::{Bucket, found};

/// Folders read at once.
const AT_ONCE: usize = 8;
/// What stands in place of what can't be written in the server's answer.
const UNREADABLE: char = '\u{fffd}';

/// An object as the server lists it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Object {
    pub key: String,
    pub size: u64,
    pub last_modified: String,
    #[serde(rename = "ETag", default)]
    pub etag: String,
}

impl Object {
    /// Whole seconds, as other answers have it.
    fn seconds(&self) -> i64 {
        self.last_modified.parse::<Timestamp>().map_or(0, Timestamp::as_second)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Prefix {
    prefix: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    contents: Vec<Object>,
    common_prefixes: Vec<Prefix>,
    next_continuation_token: Option<String>,
    is_truncated: bool,
    encoding_type: Option<String>,
}

/// How far down is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What lies directly there, and what folders there are.
    Here,
    Below,
}

/// Objects, and the prefixes of folders with the `/` at their ends.
#[derive(Debug, Default)]
pub struct Contents {
    pub objects: Vec<Object>,
    pub folders: Vec<String>,
}

/// All objects whose keys begin so.
pub async fn under(wire: &Wire, prefix: &str, depth: Depth) -> Result<Contents> {
    let mut contents = Contents::default();
    let mut token = None;
    loop {
        let page = page(wire, prefix, depth, token).await?;
        contents.objects.extend(page.contents);
        contents.folders.extend(page.common_prefixes.into_iter().map(|it| it.prefix));
        token = page.next_continuation_token.filter(|_| page.is_truncated);
        match (page.is_truncated, &token) {
            (false, _) => return Ok(contents),
            (true, Some(_)) => {}
            (true, None) => {
                let said = "the server says that there are more objects, and not how to go on";
                return Err(wire.error(said, false));
            }
        }
    }
}

async fn page(wire: &Wire, prefix: &str, depth: Depth, token: Option<String>) -> Result<Page> {
    let mut ask = Ask::new(Method::GET, "");
    if let Some(token) = token {
        ask = ask.query("continuation-token", token);
    }
    if depth == Depth::Here {
        ask = ask.query("delimiter", "/");
    }
    // Names may hold what XML can't.
    ask = ask.query("encoding-type", "url").query("list-type", "2").query("prefix", prefix);
    let reply = wire.ask(&ask, &[]).await?;
    let text = String::from_utf8_lossy(&reply.body);
    let unread = |reason: String| {
        let bucket = &wire.bucket;
        wire.error(
            format!("the list of objects of the bucket {bucket} can't be read: {reason}"),
            false,
        )
    };
    let mut page: Page =
        quick_xml::de::from_str(&text).map_err(|error| unread(error.to_string()))?;
    if page.encoding_type.as_deref() == Some("url") {
        let keys = page.contents.iter_mut().map(|object| &mut object.key);
        for text in keys.chain(page.common_prefixes.iter_mut().map(|it| &mut it.prefix)) {
            *text = plain(text).ok_or_else(|| unread(format!("{text} is no encoded name")))?;
        }
    }
    Ok(page)
}

/// As forms encode: a blank is a plus.
fn plain(text: &str) -> Option<String> {
    crate::config::address::decoded(&text.replace('+', " "))
}

impl Bucket {
    pub(super) async fn listing(&self, folders: &Folders) -> Result<Listing> {
        let root = under(&self.wire, &self.prefix, Depth::Here).await?;
        self.exists(&root)?;
        let mut listing = Listing::default();
        for folder in &root.folders {
            let name = self.path(folder).trim_end_matches('/').to_owned();
            if !is_own(&name) {
                listing.folders.push(name);
            }
        }
        let (wants_root, wanted) = match folders {
            Folders::All => (true, listing.folders.clone()),
            Folders::These(these) => {
                let below = these.iter().filter(|folder| *folder != ROOT).cloned().collect();
                (these.iter().any(|folder| folder == ROOT), below)
            }
        };
        if wants_root {
            self.judge(root.objects, &mut listing);
        }
        let read = wanted.into_iter().map(|folder| async move {
            let prefix = format!("{}{folder}/", self.prefix);
            under(&self.wire, &prefix, Depth::Below).await.map(|found| (folder, found.objects))
        });
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        for (folder, objects) in read {
            if objects.is_empty() {
                self.beside(&folder, &mut listing).await?;
                listing.missing.push(folder);
            }
            self.judge(objects, &mut listing);
        }
        tell_apart(&mut listing);
        Ok(listing)
    }

    pub(super) async fn names_in(&self, folder: &str) -> Result<Names> {
        let prefix = match folder {
            ROOT => self.prefix.clone(),
            folder => format!("{}{folder}/", self.prefix),
        };
        let found = under(&self.wire, &prefix, Depth::Here).await?;
        let names = |keys: &mut dyn Iterator<Item = &String>| {
            let theirs = keys.filter(|key| !is_own(self.path(key).trim_end_matches('/')));
            let names = theirs.filter_map(|key| key.strip_prefix(&prefix));
            let names = names.map(|name| name.strip_suffix('/').unwrap_or(name));
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let folders = names(&mut found.folders.iter());
        Ok(Names { folders, files: names(&mut found.objects.iter().map(|it| &it.key)) })
    }

    /// A prefix that was misspelt looks like a gallery from which everything was deleted.
    fn exists(&self, root: &Contents) -> Result<()> {
        if self.prefix.is_empty() || !root.objects.is_empty() || !root.folders.is_empty() {
            return Ok(());
        }
        let (bucket, prefix) = (&self.wire.bucket, &self.prefix);
        let message = format!(
            "nothing in the bucket {bucket} lies below {prefix}; see `url`, or put an empty object {prefix} \
             there to say that it is meant"
        );
        Err(self.wire.error(message, false))
    }

    /// The folders that could have been meant by one that isn't there.
    async fn beside(&self, folder: &str, listing: &mut Listing) -> Result<()> {
        let Some((around, _)) = folder.rsplit_once('/') else { return Ok(()) };
        let prefix = format!("{}{around}/", self.prefix);
        let found = under(&self.wire, &prefix, Depth::Here).await?;
        let names = found.folders.iter().map(|it| self.path(it).trim_end_matches('/').to_owned());
        listing.folders.extend(names);
        Ok(())
    }

    fn judge(&self, objects: Vec<Object>, listing: &mut Listing) {
        for object in objects {
            let path = self.path(&object.key);
            let refused = |reason: &str| Refused { path: path.to_owned(), reason: reason.into() };
            if path.is_empty() || is_own(path) || (path.ends_with('/') && object.size == 0) {
                continue;
            }
            if path.contains(UNREADABLE) {
                listing.refused.push(refused("has a name that the server can't tell"));
                continue;
            }
            if path.ends_with('/') {
                listing.refused.push(refused("has a name that ends with `/`, as folders have"));
                continue;
            }
            match judged(path, object.size, self.most_bytes) {
                Ok(path) => {
                    let seconds = object.seconds();
                    listing.files.push(found(path, object.size, &object.etag, seconds));
                }
                Err(refused) => listing.refused.push(refused),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_names_that_xml_cant_hold() {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult \
                    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>media</Name><Prefix/>\
                    <IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
                    <NextContinuationToken>next</NextContinuationToken>\
                    <Contents><Key>a+b%2Bc%01.png</Key><LastModified>2026-11-23T09:31:24.123Z</LastModified>\
                    <ETag>&quot;abc&quot;</ETag><Size>3</Size></Contents>\
                    <CommonPrefixes><Prefix>spring/</Prefix></CommonPrefixes></ListBucketResult>";
        let page: Page = quick_xml::de::from_str(text).unwrap();
        let object = &page.contents[0];
        assert_eq!(plain(&object.key).unwrap(), "a b+c\u{1}.png");
        assert_eq!(
            (object.size, object.etag.as_str(), object.seconds()),
            (3, "\"abc\"", 1_795_426_284)
        );
        assert!(page.is_truncated && page.common_prefixes[0].prefix == "spring/");
        assert_eq!(page.next_continuation_token.as_deref(), Some("next"));
        let none: Page = quick_xml::de::from_str("<ListBucketResult/>").unwrap();
        assert!(none.contents.is_empty() && !none.is_truncated);
    }
}
