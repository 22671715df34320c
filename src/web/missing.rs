//! Rocket answers 404 where a path exists under another method. This finds out, so that catchers can say 405 with `Allow`.

use rocket::Request;
use rocket::http::{Method, Status};

/// For a 404: the methods under which the path exists, if it does.
#[must_use]
pub fn allowed_methods(status: Status, request: &Request<'_>) -> Option<String> {
    if status != Status::NotFound {
        return None;
    }
    let path: Vec<&str> = request.uri().path().segments().collect();
    let mut methods: Vec<&str> = Vec::new();
    // Preflights are answered where scripts may call; they are no method of the resource.
    let mounted = request.rocket().routes().filter(|route| route.method != Method::Options);
    for route in mounted.filter(|route| fits(route.uri.path(), &path)) {
        let more: &[Method] = if route.method == Method::Get { &[Method::Get, Method::Head] } else { &[route.method] };
        methods.extend(
            more.iter().map(|method| method.as_str()).filter(|name| !methods.contains(name)).collect::<Vec<_>>(),
        );
    }
    methods.sort_unstable();
    let sent = super::arrival::Arrival::of(request).method;
    (!methods.is_empty() && !methods.contains(&sent.as_str())).then(|| methods.join(", "))
}

/// Whether a mounted path such as `/api/v1/customers/<id>` fits the segments of a request.
fn fits(mounted: &str, path: &[&str]) -> bool {
    let parts: Vec<&str> = mounted.split('/').filter(|part| !part.is_empty()).collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, sent)| part.starts_with('<') || part == sent)
}
