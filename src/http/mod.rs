//! HTTP: one file per resource, one table of routes.
//!
//! Holds URLs, headers and documents. Must not know: SQL, how values are filtered (it asks a `View`), how tiles are
//! encoded.
//!
//! Invariants: [`ROUTES`] builds the router and drives the audience tests, so no route can be left out of them. Nothing
//! is built from `Host` or `X-Forwarded-*`. What a caller may not see answers like what does not exist.

mod admin;
mod answer;
mod api;
mod catalog;
mod error;
mod facilities;
mod fonts;
mod health;
mod observe;
mod pages;
mod path;
mod styles;
mod tiles;
mod values;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::HeaderValue,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer};

use crate::{
    access::{Access, Credentials, Gate, Refused},
    atlas::Atlases,
    clock,
    store::Store,
    style::Glyphs,
};

pub use admin::{count_metrics, serve_admin};
pub use api::{Needs, Operation, ProblemDocument};
pub use error::HttpError;
pub use health::Stopping;
pub use pages::{embedded_glyphs, web_file};

/// What every handler may use.
pub struct App {
    /// What is stored, for those who release and administer.
    pub store: Store,
    /// The read model.
    pub atlases: Arc<Atlases>,
    /// Where the server is reached, without a slash at the end: `https://atlas.example.org/karten`.
    pub public_url: PublicUrl,
    /// Glyphs of the map labels.
    pub glyphs: Glyphs,
    /// Knows who is who.
    pub gate: Gate,
}

type AppState = State<Arc<App>>;

/// The configured address of the server. Its path is the prefix under which all routes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    prefix: String,
}

impl PublicUrl {
    /// Reads an absolute http or https URL, with or without a path and a slash at its end.
    ///
    /// # Errors
    /// A sentence, if it is not one.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| {
            Err(format!("public URL '{text}' {why}; write for instance https://atlas.example.org"))
        };
        let uri: axum::http::Uri = match text.parse() {
            Ok(uri) => uri,
            Err(error) => return refuse(&format!("is not a URL ({error})")),
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return refuse("does not begin with http:// or https:// and a host");
        }
        if uri.query().is_some() {
            return refuse("has a query");
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { url: text.trim_end_matches('/').to_owned(), prefix })
    }

    /// An absolute URL below it; `path` begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Scheme, host and port: what browsers send as `Origin`.
    pub fn origin(&self) -> &str {
        self.url.strip_suffix(self.prefix.as_str()).unwrap_or(&self.url)
    }

    /// The path under which all routes lie: empty, or beginning with a slash and not ending with one.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// Which compression a resource gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    /// Text and scripts: br or gzip per answer.
    PerAnswer,
    /// The resource chooses between stored encodings itself.
    Own,
}

/// One row of the route table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Pattern in axum's notation.
    pub pattern: &'static str,
    /// Addresses of this route in an atlas `a` with level `l`, indicator `i`, period `2020` and facilities `kita`;
    /// what tests ask for.
    pub examples: &'static [&'static str],
    /// What is understood there, and who may.
    pub operations: &'static [Operation],
    methods: fn() -> MethodRouter<Arc<App>>,
    compression: Compression,
}

/// Every route of the server.
pub const ROUTES: &[Route] = &all_routes();

/// What all routes outside the API understand.
const READ: &[Operation] = &[Operation::get(Needs::Anybody)];

/// Maps, their data and the pages.
const PUBLIC_ROUTES: &[Route] = &[
    Route {
        pattern: "/",
        examples: &["/"],
        operations: READ,
        methods: || get(pages::start),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/atlases.json",
        examples: &["/atlases.json", "/atlases.json?lang=en"],
        operations: READ,
        methods: || get(catalog::atlases),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/assets/{*path}",
        examples: &["/assets/none.js"],
        operations: READ,
        methods: || get(pages::asset),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/fonts/{fontstack}/{range}",
        examples: &["/fonts/Noto%20Sans%20Regular/0-255.pbf"],
        operations: READ,
        methods: || get(fonts::range),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/sprites/{file}",
        examples: &["/sprites/light.json", "/sprites/dark@2x.png"],
        operations: READ,
        methods: || get(styles::sprite),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/health/live",
        examples: &["/health/live"],
        operations: READ,
        methods: || get(health::live),
        compression: Compression::Own,
    },
    Route {
        pattern: "/health/ready",
        examples: &["/health/ready"],
        operations: READ,
        methods: || get(health::ready),
        compression: Compression::Own,
    },
    Route {
        pattern: "/{atlas}",
        examples: &["/a"],
        operations: READ,
        methods: || get(pages::viewer),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/catalog.json",
        examples: &["/a/catalog.json", "/a/catalog.json?lang=en"],
        operations: READ,
        methods: || get(catalog::catalog),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/tiles/{level}",
        examples: &["/a/tiles/l.json", "/a/tiles/hidden.json"],
        operations: READ,
        methods: || get(tiles::boundary_tilejson),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/tiles/{level}/{indicator}/{period}",
        examples: &["/a/tiles/l/i/2020.json", "/a/tiles/l/i/all.json", "/a/tiles/l/secret/2020.json"],
        operations: READ,
        methods: || get(tiles::tilejson),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/tiles/{level}/{z}/{x}/{y}",
        examples: &[
            "/a/tiles/l/{tile}.mvt",
            "/a/tiles/l/{tile}",
            "/a/tiles/l/30/0/0.mvt",
            "/a/tiles/hidden/{tile}.mvt",
        ],
        operations: READ,
        methods: || get(tiles::boundary_tile),
        compression: Compression::Own,
    },
    Route {
        pattern: "/{atlas}/tiles/{level}/{indicator}/{period}/{z}/{x}/{y}",
        examples: &[
            "/a/tiles/l/i/2020/{tile}.mvt",
            "/a/tiles/l/i/2020/{tile}.pbf?v=0",
            "/a/tiles/l/i/all/{tile}.mvt",
            "/a/tiles/l/secret/2020/{tile}.mvt",
            "/a/tiles/l/i/2021/{tile}.mvt",
        ],
        operations: READ,
        methods: || get(tiles::tile),
        compression: Compression::Own,
    },
    Route {
        pattern: "/{atlas}/tiles/facilities/{category}",
        examples: &["/a/tiles/facilities/kita.json", "/a/tiles/facilities/secret-place.json"],
        operations: READ,
        methods: || get(facilities::tilejson),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/tiles/facilities/{category}/{z}/{x}/{y}",
        examples: &[
            "/a/tiles/facilities/kita/{tile}.mvt",
            "/a/tiles/facilities/kita/{tile}.pbf?v=0",
            "/a/tiles/facilities/secret-place/{tile}.mvt",
        ],
        operations: READ,
        methods: || get(facilities::tile),
        compression: Compression::Own,
    },
    Route {
        pattern: "/{atlas}/styles/facilities/{category}",
        examples: &[
            "/a/styles/facilities/kita.json",
            "/a/styles/facilities/kita.json?theme=dark&lang=en",
            "/a/styles/facilities/secret-place.json",
        ],
        operations: READ,
        methods: || get(facilities::style),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/facilities/{category}",
        examples: &["/a/facilities/kita.json", "/a/facilities/secret-place.json"],
        operations: READ,
        methods: || get(facilities::geojson),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/styles/{level}/{indicator}/{period}",
        examples: &[
            "/a/styles/l/i/2020.json",
            "/a/styles/l/i/2020.json?theme=dark&lang=en",
            "/a/styles/l/i/2020.json?method=quantile&classes=3",
            "/a/styles/l/secret/2020.json",
        ],
        operations: READ,
        methods: || get(styles::style),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/legends/{level}/{indicator}/{period}",
        examples: &[
            "/a/legends/l/i/2020.json",
            "/a/legends/l/i/2020.svg",
            "/a/legends/l/i/2020.png?theme=dark&lang=en",
            "/a/legends/l/i/2021.json",
            "/a/legends/l/secret/2020.json",
            "/a/legends/l/secret/2020.svg",
        ],
        operations: READ,
        methods: || get(styles::legend),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/values/{level}/{indicator}",
        examples: &["/a/values/l/i.json", "/a/values/l/i.csv", "/a/values/l/secret.json"],
        operations: READ,
        methods: || get(values::series),
        compression: Compression::PerAnswer,
    },
    Route {
        pattern: "/{atlas}/values/{level}/{indicator}/{period}",
        examples: &[
            "/a/values/l/i/2020.json",
            "/a/values/l/i/2020.csv?lang=de",
            "/a/values/l/secret/2020.json",
        ],
        operations: READ,
        methods: || get(values::period),
        compression: Compression::PerAnswer,
    },
];

const fn all_routes() -> [Route; PUBLIC_ROUTES.len() + api::ROUTES.len()] {
    let mut all = [PUBLIC_ROUTES[0]; PUBLIC_ROUTES.len() + api::ROUTES.len()];
    let mut at: usize = 0;
    while at < all.len() {
        let in_api = at.checked_sub(PUBLIC_ROUTES.len());
        all[at] = if let Some(at) = in_api { api::ROUTES[at] } else { PUBLIC_ROUTES[at] };
        at += 1;
    }
    all
}

/// The server's router.
pub fn router(app: Arc<App>) -> Router {
    let routes = |compression| {
        let chosen = PUBLIC_ROUTES.iter().filter(move |r| r.compression == compression);
        chosen.fold(Router::new(), |router, route| {
            let methods =
                (route.methods)().options(answer::preflight).fallback(async || HttpError::MethodNotAllowed);
            router.route(route.pattern, methods)
        })
    };
    let texts = routes(Compression::PerAnswer)
        .layer(CompressionLayer::new().compress_when(answer::worth_compressing))
        .layer(middleware::map_response(answer::tag_encoding))
        .layer(middleware::from_fn(answer::not_modified));
    let prefix = app.public_url.prefix().to_owned();
    let router = texts.merge(routes(Compression::Own)).merge(api::router(&app));
    let router = router.fallback(async || HttpError::NotFound).with_state(app.clone());
    let label_prefix: Arc<str> = prefix.as_str().into();
    let router = if prefix.is_empty() {
        router
    } else {
        // Nested routes know the start page without its last slash only.
        let start = Router::new().route(&format!("{prefix}/"), get(pages::start)).with_state(app.clone());
        start.nest(&prefix, router).fallback(async || HttpError::NotFound)
    };
    router
        .layer(middleware::from_fn_with_state(app.clone(), identify))
        .layer(CatchPanicLayer::custom(|_| HttpError::Internal.into_response()))
        .layer(middleware::from_fn_with_state(app, api::seal))
        .layer(middleware::from_fn(move |request, next| {
            observe::observe(label_prefix.clone(), request, next)
        }))
}

/// Answers under way when the server stops may take so long; whoever reads more slowly is cut off.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Serves the router until `stop` is over; answers under way are finished. Whoever wants that nothing new comes before lets
/// `stopping` begin earlier.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    stopping: Stopping,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Tiles are small: waiting for more to send only delays them. Without it the answer is merely later.
        let _ = stream.set_nodelay(true);
    });
    let router = router(app).layer(middleware::from_fn_with_state(stopping.clone(), health::mark_stopping));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (closing, closed) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        stopping.begin();
        // Nobody waits if the server failed meanwhile.
        let _ = closing.send(());
    };
    let serving = axum::serve(listener, service).with_graceful_shutdown(stop);
    let out_of_patience = async {
        match closed.await {
            Ok(()) => tokio::time::sleep(LAST_ANSWERS).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = out_of_patience => Ok(()),
    }
}

/// Where a request comes from, behind whatever proxies are believed.
#[derive(Debug, Clone, Copy)]
struct ClientAddress(IpAddr);

/// Finds out who is asking, before any handler runs. A bad credential is an error everywhere.
async fn identify(State(app): AppState, mut request: Request, next: Next) -> Result<Response, HttpError> {
    let headers = request.headers().clone();
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let credentials = Credentials {
        authorization: header("authorization"),
        cookie: header("cookie"),
        trusted: app.gate.trusted_header().and_then(header),
        address,
        now: clock::now(),
    };
    let caller = app.gate.identify(&credentials).await.map_err(|refused| match refused {
        Refused::Unauthorized => HttpError::Unauthorized,
        Refused::Unavailable => HttpError::Unavailable,
    })?;
    request.extensions_mut().insert(caller.access);
    if let Some(session) = caller.session {
        request.extensions_mut().insert(session);
    }
    if let Some(address) = address {
        let forwarded = header("x-forwarded-for");
        request.extensions_mut().insert(ClientAddress(app.gate.client_address(address, forwarded)));
    }
    Ok(next.run(request).await)
}

/// Who is asking, as [`identify`] found out; the public where it was not asked.
fn caller(request: &Request) -> Access {
    request.extensions().get().cloned().unwrap_or(Access::public())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_may_have_a_path() {
        let url = PublicUrl::parse("https://atlas.example.org/karten/").unwrap();
        assert_eq!((url.prefix(), url.origin()), ("/karten", "https://atlas.example.org"));
        assert_eq!(url.join("/a/catalog.json"), "https://atlas.example.org/karten/a/catalog.json");
        assert_eq!(PublicUrl::parse("http://localhost:8080").unwrap().prefix(), "");
        for bad in ["atlas.example.org", "ftp://a", "https://", "http://a?b"] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
