//! How large an image is, from its first bytes; nothing of it is decoded.

/// So many bytes are looked at.
pub const BEGINNING: usize = 256 << 10;

/// Vector graphics have no size in pixels.
const ENDINGS: [&str; 6] = [".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"];

pub fn is_named_like_one(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Width and height; none where it is no such image, or one that says so further down.
pub fn dimensions(beginning: &[u8]) -> Option<[u32; 2]> {
    let size = imagesize::blob_size(beginning).ok()?;
    Some([size.width.try_into().ok()?, size.height.try_into().ok()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a PNG.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        bytes
    }

    #[test]
    fn an_image_says_its_size_and_anything_else_says_none() {
        assert_eq!(dimensions(&png(1200, 600)), Some([1200, 600]));
        assert_eq!(dimensions(b"GIF89a\x03\0\x02\0\0\0\0"), Some([3, 2]));
        // A bomb is told as what it claims to be.
        assert_eq!(dimensions(&png(u32::MAX, u32::MAX)), Some([u32::MAX, u32::MAX]));
        for other in
            [&b""[..], b"<svg width='5' height='5'/>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]
        {
            assert_eq!(dimensions(other), None, "{other:?}");
        }
    }

    #[test]
    fn only_names_of_images_are_looked_into() {
        assert!(is_named_like_one("a/B.JPG") && is_named_like_one("x.webp"));
        assert!(!is_named_like_one("x.svg") && !is_named_like_one("png"));
    }
}
