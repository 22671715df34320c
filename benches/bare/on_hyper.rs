//! Bare hyper 1: the least an HTTP server of this language costs.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rescind::web::guard::pairs::Pairs;
use tokio::net::TcpListener;

use super::Failure;
use super::caller::Callers;
use super::claims::Claims;

/// Serves until it is killed.
pub fn serve(port: u16) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(listen(port))
}

async fn listen(port: u16) -> Result<(), Failure> {
    let (listener, callers) = (TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?, Arc::new(Callers::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let callers = callers.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(callers.clone(), request));
            // A caller who goes away is no news.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(callers: Arc<Callers>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let said = said(&callers, request).await;
    let (status, body) = said.map_or_else(|status| (status, String::new()), |body| (StatusCode::OK, body));
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

async fn said(callers: &Callers, request: Request<Incoming>) -> Result<String, StatusCode> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !header.is_some_and(|header| callers.proves(header)) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let bytes = request.into_body().collect().await.map_err(|_| StatusCode::BAD_REQUEST)?.to_bytes();
    let text = std::str::from_utf8(&bytes).map_err(|_| StatusCode::BAD_REQUEST)?;
    let form = Pairs::parse(text).map_err(|_| StatusCode::BAD_REQUEST)?;
    let token = form.get("token").ok_or(StatusCode::BAD_REQUEST)?;
    serde_json::to_string(&Claims::of(token)).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
