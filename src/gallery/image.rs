//! How large an image is, from its first bytes; nothing of it is decoded.

/// So many bytes are looked at.
pub const BEGINNING: usize = 256 << 10;

/// Width and height; none where it is no such image, or one that says so further down.
pub fn dimensions(beginning: &[u8]) -> Option<[u32; 2]> {
    let size = imagesize::blob_size(beginning).ok()?;
    Some([size.width.try_into().ok()?, size.height.try_into().ok()?])
}

/// The media type of an image that browsers only draw, by its first bytes, whatever it is called. Nothing that could hold a script is among them.
pub fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        // Behind the length, two numbers that are 0.
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some("image/bmp"),
        _ => None,
    }
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
    fn only_names_of_images_are_looked_into() {}

    #[test]
    fn images_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\nrest"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a..", Some("image/gif")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"BM\x36\x10\0\0\0\0\0\0\x36", Some("image/bmp")),
            (b"BMW is a car, and no picture", None),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None),
            (b"\xef\xbb\xbf<html>", None),
            (b"RIFF\0\0\0\0WAVE", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }
}
