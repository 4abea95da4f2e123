//! Warm and cold tiles over HTTP, beside a bare axum handler that serves the same bytes from memory.
//!
//! Each server has a thread with a runtime for one thread; the client has one thread. They take turns, so that a
//! disturbance hits both; every figure is the median of three rounds.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, ensure};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use bytes::Bytes;
use kommunalatlas::{
    access::{Access, Gate},
    atlas::{Atlases, CacheSizes},
    domain::Slug,
    geometry::{GridPoint, TileCoord},
    http::{App, PublicUrl, Stopping, embedded_glyphs, serve},
    tile::Encoding,
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use crate::{
    atlas::{ATLAS, LEVEL, Place, Values},
    client::{Connection, processor_of_others},
    input::noise,
    sample::{LEAST_ZOOM, densest},
    table::{Amount, Bar, Line, Table, median},
};

const ROUNDS: usize = 3;

/// Requests per warm round.
const WARM_REQUESTS: usize = 20_000;

const WARM_CONNECTIONS: usize = 16;

/// Most requests per cold round.
const COLD_REQUESTS: usize = 1_000;

/// Size of a tile from which the bar of warm tiles counts: it was set for one of 33 kB.
const DENSE_TILE: usize = 16 << 10;

/// A tile that is asked for: where, its path on our server, and its bytes.
struct Asked {
    path: String,
    body: Bytes,
}

/// What is asked, made in advance.
struct Plan {
    /// The tile of the warm rounds.
    warm: Asked,
    /// Paths that bring skeletons and columns of the walk into memory, without any tile of the walk.
    preparation: Vec<String>,
    walk: Vec<Asked>,
}

/// Measures both.
pub fn measure(table: &mut Table, runtime: &Runtime, place: &Place, values: &Values) -> Result<()> {
    let plan = runtime.block_on(plan(place, values))?;
    table.remark(&format!(
        "warm tile {} bytes gzip; cold walk of {} requests, {:.0} bytes each",
        plan.warm.body.len(),
        plan.walk.len(),
        plan.walk.iter().map(|a| a.body.len()).sum::<usize>() as f64 / plan.walk.len().max(1) as f64
    ));
    let bodies = plan.walk.iter().chain([&plan.warm]).map(|a| a.body.clone()).collect();
    let bare = Server::start(bare_app(bodies))?;
    let ours = Server::start(our_app(place)?)?;
    let mut connection = Connection::open(ours.address)?;
    for path in &plan.preparation {
        connection.send(path)?;
        connection.receive()?;
    }
    warm(table, &plan, ours.address, bare.address)?;
    cold(table, &plan, ours.address, bare.address)?;
    drop(connection);
    ours.stop()?;
    bare.stop()
}

async fn plan(place: &Place, values: &Values) -> Result<Plan> {
    let store = place.open().await?;
    let atlas: Slug = ATLAS.parse()?;
    let edition =
        store.catalogue(&atlas).await?.editions.into_iter().next().context("the atlas has no edition")?;
    let labels: Vec<GridPoint> = store
        .regions(edition.id)
        .await?
        .iter()
        .filter_map(|r| r.label.map(|(lon, lat)| GridPoint::from_degrees(lon, lat)))
        .collect();
    let tiles = walk_tiles(&labels, edition.minzoom);
    let atlases = Atlases::open(store.clone(), CacheSizes::default()).await?;
    let asked = async |coord: TileCoord, (indicator, period): &(Slug, String)| -> Result<Asked> {
        let view = atlases.view(&Access::public(), ATLAS).context("the atlas is not open")?;
        let layer = view.layer(LEVEL, indicator.as_str(), period, None).context("a layer is missing")?;
        let body = layer.tile(coord, Encoding::Gzip).await?;
        Ok(Asked { path: path(coord, indicator, period), body })
    };
    let (first, layers) = values.layers.split_first().context("there are no layers")?;
    let dense =
        densest(labels.iter().copied(), edition.minzoom.max(LEAST_ZOOM)).context("there are no labels")?;
    let warm = asked(dense, first).await?;
    // Every tile with the first layer, every layer with the first tile: then the rest of the table is cold.
    let (first_tile, tiles) = tiles.split_first().context("there are too few tiles")?;
    ensure!(!layers.is_empty() && !tiles.is_empty(), "there is too little to walk over");
    let mut preparation: Vec<String> = tiles.iter().map(|t| path(*t, &first.0, &first.1)).collect();
    preparation.extend(layers.iter().map(|(indicator, period)| path(*first_tile, indicator, period)));
    let mut walk = Vec::new();
    for number in 0..(ROUNDS * COLD_REQUESTS).min(tiles.len() * layers.len()) {
        // Another layer at each request, and no pair twice.
        let (turn, tile) = (number / tiles.len(), number % tiles.len());
        walk.push(asked(tiles[tile], &layers[(tile + turn) % layers.len()]).await?);
    }
    store.close().await;
    Ok(Plan { warm, preparation, walk })
}

/// The tiles of the cold walk, in a mixed order: all with a label of zoom 5 to 9, and twice as many of zoom 10 to 12.
fn walk_tiles(labels: &[GridPoint], minzoom: u8) -> Vec<TileCoord> {
    let at = |z: u8| labels.iter().map(move |point| TileCoord::containing(z, *point));
    let mixed = |zooms: std::ops::RangeInclusive<u8>| {
        let tiles: BTreeSet<TileCoord> = zooms.flat_map(at).collect();
        let mut tiles: Vec<TileCoord> = tiles.into_iter().collect();
        let place = |t: &TileCoord| noise([t.z().into(), t.x() as usize, t.y() as usize, 7]);
        tiles.sort_by(|a, b| place(a).total_cmp(&place(b)));
        tiles
    };
    let (large, small) = (mixed(minzoom.max(LEAST_ZOOM)..=9), mixed(10..=12));
    // One large, two small, and so on, so that every round has the same mixture.
    let mut pairs = small.chunks(2);
    large.iter().flat_map(|tile| [&[*tile], pairs.next().unwrap_or_default()].concat()).collect()
}

fn path(coord: TileCoord, indicator: &Slug, period: &str) -> String {
    let (z, x, y) = (coord.z(), coord.x(), coord.y());
    format!("/{ATLAS}/tiles/{LEVEL}/{indicator}/{period}/{z}/{x}/{y}.mvt")
}

/// A server on a thread of its own.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

impl Server {
    /// Starts a server; `run` gets the listener and a signal to stop.
    fn start<R, F>(run: R) -> Result<Self>
    where
        R: FnOnce(TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
        F: Future<Output = Result<()>>,
    {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                tell.send(listener.local_addr()?)?;
                run(listener, stopped).await
            })
        });
        let address = told.recv().context("a server did not start")?;
        Ok(Self { address, stop, thread })
    }

    fn stop(self) -> Result<()> {
        // Nobody listens if the server ended by itself; the thread then says why.
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| anyhow!("a server panicked"))?
    }
}

type Running = std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;

/// Our server with the store of a place.
fn our_app(
    place: &Place,
) -> Result<impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Running + Send + 'static> {
    let place = place.reopened();
    let public_url = PublicUrl::parse("http://localhost").map_err(|e| anyhow!(e))?;
    Ok(move |listener, stopped: oneshot::Receiver<()>| -> Running {
        Box::pin(async move {
            let store = place.open().await?;
            let atlases = Atlases::open(store.clone(), CacheSizes::default()).await?;
            let app = App {
                store: store.clone(),
                atlases,
                public_url,
                glyphs: embedded_glyphs()?,
                gate: Gate::closed(),
            };
            serve(listener, Arc::new(app), Stopping::default(), async move { drop(stopped.await) }).await?;
            store.close().await;
            Ok(())
        })
    })
}

/// As little as a tile server in axum can do: bytes from memory with the headers of a tile.
fn bare_app(
    bodies: Vec<Bytes>,
) -> impl FnOnce(TcpListener, oneshot::Receiver<()>) -> Running + Send + 'static {
    move |listener, stopped| {
        Box::pin(async move {
            let router = Router::new().route("/t/{number}", get(bare)).with_state(Arc::new(bodies));
            let listener = listener.tap_io(|stream| {
                // As in our server.
                let _ = stream.set_nodelay(true);
            });
            let stop = async move { drop(stopped.await) };
            Ok(axum::serve(listener, router).with_graceful_shutdown(stop).await?)
        })
    }
}

async fn bare(
    State(bodies): State<Arc<Vec<Bytes>>>,
    Path(number): Path<usize>,
    headers: HeaderMap,
) -> Response {
    const TAG: HeaderValue = HeaderValue::from_static("\"0123456789abcdef-gzip\"");
    let Some(body) = bodies.get(number) else { return StatusCode::NOT_FOUND.into_response() };
    if headers.get(header::IF_NONE_MATCH) == Some(&TAG) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let head = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.mapbox-vector-tile")),
        (header::CONTENT_ENCODING, HeaderValue::from_static("gzip")),
        (header::ETAG, TAG),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (head, body.clone()).into_response()
}

/// What a round cost per request.
#[derive(Clone, Copy)]
struct Cost {
    /// Seconds.
    time: f64,
    /// Seconds of the server's processor time, where the system tells.
    processor: Option<f64>,
}

/// Runs `requests` requests and divides what they cost.
fn cost(requests: usize, run: impl FnOnce() -> Result<()>) -> Result<Cost> {
    let (before, start) = (processor_of_others(), Instant::now());
    run()?;
    let time = start.elapsed().as_secs_f64() / requests as f64;
    let processor = before.zip(processor_of_others()).map(|(b, a)| (a - b) / requests as f64);
    Ok(Cost { time, processor })
}

/// Medians of one server's rounds.
fn medians(rounds: &[Cost]) -> Cost {
    let processor: Option<Vec<f64>> = rounds.iter().map(|r| r.processor).collect();
    Cost { time: median(rounds.iter().map(|r| r.time).collect()), processor: processor.map(median) }
}

fn warm(table: &mut Table, plan: &Plan, ours: SocketAddr, bare: SocketAddr) -> Result<()> {
    let bare_path = format!("/t/{}", plan.walk.len());
    let round = |address, path: &str, requests: usize| -> Result<Cost> {
        let open = |_| Connection::open(address);
        let mut connections = (0..WARM_CONNECTIONS).map(open).collect::<Result<Vec<_>>>()?;
        cost(requests, || {
            connections.iter_mut().try_for_each(|c| c.send(path))?;
            for number in 0..requests {
                let connection = &mut connections[number % WARM_CONNECTIONS];
                let length = connection.receive()?;
                ensure!(length == plan.warm.body.len(), "{path}: {length} bytes were unexpected");
                if number + WARM_CONNECTIONS < requests {
                    connection.send(path)?;
                }
            }
            Ok(())
        })
    };
    let (mut our_rounds, mut bare_rounds) = (Vec::new(), Vec::new());
    for (address, path) in [(bare, &bare_path), (ours, &plan.warm.path)] {
        round(address, path, WARM_REQUESTS / 20)?;
    }
    for _ in 0..ROUNDS {
        bare_rounds.push(round(bare, &bare_path, WARM_REQUESTS)?);
        our_rounds.push(round(ours, &plan.warm.path, WARM_REQUESTS)?);
    }
    let (ours, bare) = (medians(&our_rounds), medians(&bare_rounds));
    table.line(&Line {
        name: "warm HTTP, 16 connections",
        figure: Amount::new(1.0 / ours.time, "requests/s"),
        yardstick: Some(("bare axum, same bytes", Amount::new(1.0 / bare.time, "requests/s"))),
        ratio: Some(bare.time / ours.time),
        bar: if plan.warm.body.len() >= DENSE_TILE { Bar::RatioAtLeast(0.8) } else { Bar::None },
    });
    processor_line(table, "warm HTTP, processor per request", ours, bare, Bar::None);
    Ok(())
}

fn cold(table: &mut Table, plan: &Plan, ours: SocketAddr, bare: SocketAddr) -> Result<()> {
    let (mut our_client, mut bare_client) = (Connection::open(ours)?, Connection::open(bare)?);
    let per_round = plan.walk.len() / ROUNDS;
    let (mut our_rounds, mut bare_rounds) = (Vec::new(), Vec::new());
    for (number, part) in plan.walk.chunks(per_round.max(1)).take(ROUNDS).enumerate() {
        bare_rounds.push(cost(part.len(), || {
            for at in 0..part.len() {
                bare_client.send(&format!("/t/{}", number * per_round + at))?;
                bare_client.receive()?;
            }
            Ok(())
        })?);
        our_rounds.push(cost(part.len(), || {
            for asked in part {
                our_client.send(&asked.path)?;
                let length = our_client.receive()?;
                ensure!(length == asked.body.len(), "{}: {length} bytes were unexpected", asked.path);
            }
            Ok(())
        })?);
    }
    let (ours, bare) = (medians(&our_rounds), medians(&bare_rounds));
    let time_bar = if ours.processor.is_some() { Bar::None } else { Bar::RatioAtMost(25.0) };
    table.line(&Line {
        name: "cold HTTP, time per request",
        figure: Amount::time(ours.time),
        yardstick: Some(("bare axum, same bytes", Amount::time(bare.time))),
        ratio: Some(ours.time / bare.time),
        bar: time_bar,
    });
    processor_line(table, "cold HTTP, processor per request", ours, bare, Bar::RatioAtMost(25.0));
    Ok(())
}

fn processor_line(table: &mut Table, name: &str, ours: Cost, bare: Cost, bar: Bar) {
    if let Some((ours, bare)) = ours.processor.zip(bare.processor) {
        table.line(&Line {
            name,
            figure: Amount::time(ours),
            yardstick: Some(("bare axum, same bytes", Amount::time(bare))),
            ratio: Some(ours / bare),
            bar,
        });
    }
}
