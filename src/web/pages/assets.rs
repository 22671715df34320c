//! The stylesheet, the console's script, the icon, and the picture that makes a browser forget.

use rocket::get;
use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, Response};

/// A file that may be kept: its address changes with every release.
pub struct Asset(ContentType, &'static str);

impl<'r> Responder<'r, 'static> for Asset {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build()
            .header(self.0)
            .header(Header::new("Cache-Control", "public, max-age=86400"))
            .sized_body(self.1.len(), std::io::Cursor::new(self.1))
            .ok()
    }
}

#[get("/static/style.css")]
pub fn style() -> Asset {
    Asset(ContentType::CSS, include_str!("../../../static/style.css"))
}

#[get("/static/icon.svg")]
pub fn icon() -> Asset {
    Asset(ContentType::SVG, include_str!("../../../static/icon.svg"))
}

#[get("/static/console.js")]
pub fn console() -> Asset {
    Asset(ContentType::JavaScript, include_str!("../../../static/console.js"))
}

/// A picture of nothing. Pages left behind wait in the browser, as they were, for the back button: `no-store` does not keep
/// Chromium from it, and what the answer to signing out says about them comes too early, while the last one is still open.
/// This is asked for by the page after it.
pub struct Forget;

impl<'r> Responder<'r, 'static> for Forget {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let picture = include_str!("../../../static/forget.svg");
        Response::build()
            .header(ContentType::SVG)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Clear-Site-Data", "\"cache\""))
            .sized_body(picture.len(), std::io::Cursor::new(picture))
            .ok()
    }
}

#[get("/static/forget.svg")]
pub fn forget() -> Forget {
    Forget
}
