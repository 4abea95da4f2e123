//! Status codes, headers and documents, through the router.

use kommunalatlas::{
    access::Publisher,
    domain::Audience,
    release::{Decision, ReleaseRequest, withdraw},
};

use crate::app::{TestApp, example, tile};

#[tokio::test]
async fn a_tile_is_gzip_or_identity_each_with_its_own_entity_tag() {
    let app = TestApp::new().await;
    let path = example("/a/tiles/l/i/2020/{tile}.mvt");
    let plain = app.get(&path).await;
    let gzip = app.ask("GET", &path, &[("accept-encoding", "gzip")]).await;
    assert_eq!((plain.status, gzip.status), (200, 200));
    assert_eq!(plain.header("content-type"), Some("application/vnd.mapbox-vector-tile"));
    assert_eq!((plain.header("content-encoding"), gzip.header("content-encoding")), (None, Some("gzip")));
    assert_ne!(plain.header("etag"), gzip.header("etag"));
    assert_eq!(plain.header("vary"), Some("accept-encoding, authorization, cookie"));
    assert_eq!(plain.header("access-control-allow-origin"), Some("*"));
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzip.body[..]), &mut unpacked).unwrap();
    assert_eq!(unpacked.len(), plain.body.len());
}

#[tokio::test]
async fn the_same_tile_is_not_sent_twice() {
    let app = TestApp::new().await;
    let path = example("/a/tiles/l/i/2020/{tile}.mvt");
    let etag = app.get(&path).await.header("etag").unwrap().to_owned();
    let again = app.ask("GET", &path, &[("if-none-match", &etag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())));
    let gzip = app.ask("GET", &path, &[("if-none-match", &etag), ("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.status, 200, "another encoding is another representation");
}

#[tokio::test]
async fn only_an_address_that_names_the_served_version_may_be_kept() {
    let app = TestApp::new().await;
    let tilejson = app.get("/a/tiles/l/i/2020.json").await.json();
    let url = tilejson["tiles"][0].as_str().unwrap().to_owned();
    let t = tile();
    let path = url.trim_start_matches("http://localhost:8080");
    let path = path
        .replace("{z}", &t.z().to_string())
        .replace("{x}", &t.x().to_string())
        .replace("{y}", &t.y().to_string());
    let named = app.get(&path).await;
    assert_eq!(
        (named.status, named.header("cache-control")),
        (200, Some("public, max-age=31536000, immutable"))
    );
    let plain = app.get(&example("/a/tiles/l/i/2020/{tile}.mvt")).await;
    assert_eq!(plain.header("cache-control"), Some("no-cache"));
    let old = app.get(&example("/a/tiles/l/i/2020/{tile}.mvt?v=0000000000000000")).await;
    assert_eq!((old.header("cache-control"), old.body == named.body), (Some("no-cache"), true));
}

#[tokio::test]
async fn tiles_outside_are_404_and_nonsense_is_400() {
    let app = TestApp::new().await;
    for (path, status) in [
        ("/a/tiles/l/i/2020/9/0/0.mvt", 404),
        ("/a/tiles/l/i/2020/15/17400/10600.mvt", 404),
        ("/a/tiles/l/i/2020/30/0/0.mvt", 400),
        ("/a/tiles/l/i/2020/2/9/0.mvt", 400),
        ("/a/tiles/l/i/2020/x/0/0.mvt", 400),
        ("/a/tiles/l/i/2020/9/0/0.png", 400),
        ("/a/tiles/l/i/2020/9/0/0/0.mvt", 404),
        ("/a/values/l/i/2020.xml", 404),
        ("/a/values/l/i/2020.json?lang=fr", 400),
        ("/a/styles/l/i/2020.json?classes=99", 400),
        ("/a/styles/l/i/2020.json?method=guess", 400),
        ("/a/styles/l/i/2020.json?palette=nothing", 400),
        ("/", 500),
        ("/nothing/at/all", 404),
    ] {
        // The pages are embedded only after `npm run build`; everything else does not depend on it.
        if path == "/" {
            continue;
        }
        let answer = app.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{path}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let app = TestApp::new().await;
    for path in [example("/a/tiles/l/i/2020/{tile}.mvt"), "/a/catalog.json".into()] {
        let (get, head) = (app.get(&path).await, app.ask("HEAD", &path, &[]).await);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("etag"), get.header("etag"));
        assert_eq!(head.header("content-type"), get.header("content-type"));
    }
}

#[tokio::test]
async fn options_answers_a_preflight_and_other_methods_are_405() {
    let app = TestApp::new().await;
    let preflight = app.ask("OPTIONS", "/a/catalog.json", &[("origin", "https://example.org")]).await;
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-methods")),
        (204, Some("GET, HEAD, OPTIONS"))
    );
    let post = app.ask("POST", "/a/catalog.json", &[]).await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}

#[tokio::test]
async fn texts_are_compressed_and_revalidated() {
    let app = TestApp::new().await;
    for encoding in ["br", "gzip"] {
        let answer = app.ask("GET", "/a/catalog.json", &[("accept-encoding", encoding)]).await;
        assert_eq!(answer.header("content-encoding"), Some(encoding));
        let etag = answer.header("etag").unwrap();
        assert!(etag.ends_with(&format!("-{encoding}\"")), "{etag}");
        let again = app
            .ask("GET", "/a/catalog.json", &[("accept-encoding", encoding), ("if-none-match", etag)])
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn the_catalogue_lists_what_is_released_and_nothing_else() {
    let app = TestApp::new().await;
    let catalog = app.get("/a/catalog.json?lang=en").await.json();
    assert_eq!(catalog["audience"], "public");
    let levels: Vec<_> = catalog["levels"].as_array().unwrap().iter().map(|l| l["slug"].clone()).collect();
    assert_eq!(levels, ["p", "l"]);
    let indicators = catalog["indicators"].as_array().unwrap();
    assert_eq!(indicators.len(), 1);
    assert_eq!(indicators[0]["title"], "Indicator i");
    assert_eq!(indicators[0]["periods"], serde_json::json!(["2020"]));
    assert_eq!(indicators[0]["levels"]["l"]["visibility"], "public");
    assert_eq!(indicators[0]["note"], "Made up");
}

#[tokio::test]
async fn values_are_rounded_classified_and_marked() {
    let app = TestApp::new().await;
    let document = app.get("/a/values/l/i/2020.json").await.json();
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 9);
    // 1.25 and 2.5 … are released with one decimal.
    assert_eq!((rows[0]["value"].clone(), rows[0]["class"].clone()), (1.3.into(), 0.into()));
    assert_eq!(
        (rows[1]["value"].clone(), rows[1]["status"].clone()),
        (serde_json::Value::Null, "suppressed".into())
    );
    assert_eq!(
        (rows[2]["status"].clone(), rows[2]["class"].clone()),
        ("missing".into(), serde_json::Value::Null)
    );
    assert_eq!(
        (rows[8]["inhabited"].clone(), rows[8]["class"].clone()),
        (false.into(), serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_legend_is_also_a_picture_of_the_same_classes() {
    let app = TestApp::new().await;
    let legend = app.get("/a/legends/l/i/2020.json").await.json();
    let svg = app.get("/a/legends/l/i/2020.svg").await;
    assert_eq!((svg.status, svg.header("content-type")), (200, Some("image/svg+xml")));
    let text = String::from_utf8(svg.body.clone()).unwrap();
    for class in legend["classes"].as_array().unwrap() {
        assert!(text.contains(class["color"].as_str().unwrap()), "{class} in {text}");
        assert!(text.contains(class["label"].as_str().unwrap()), "{class} in {text}");
    }
    let png = app.get("/a/legends/l/i/2020.png").await;
    assert_eq!((png.status, png.header("content-type")), (200, Some("image/png")));
    assert!(png.body.starts_with(b"\x89PNG"));
    assert_eq!(app.get("/a/legends/l/i/2020.gif").await.status, 404);
    assert_eq!(app.get("/a/styles/l/i/2020.svg").await.status, 404);
}

#[tokio::test]
async fn a_style_names_its_sprites_and_they_are_served_at_both_ratios() {
    let app = TestApp::new().await;
    let style = app.get("/a/styles/l/i/2020.json?theme=dark").await.json();
    assert_eq!(style["sprite"], "http://localhost:8080/sprites/dark");
    for (name, ratio) in [("light", 1), ("dark@2x", 2)] {
        let index = app.get(&format!("/sprites/{name}.json")).await.json();
        assert_eq!(index["suppressed"]["pixelRatio"], ratio);
        let image = app.get(&format!("/sprites/{name}.png")).await;
        assert_eq!((image.status, image.header("content-type")), (200, Some("image/png")));
    }
    for unknown in ["/sprites/purple.json", "/sprites/light@3x.png", "/sprites/light.svg", "/sprites/light"] {
        assert_eq!(app.get(unknown).await.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn csv_is_german_or_international() {
    let app = TestApp::new().await;
    let german = String::from_utf8(app.get("/a/values/l/i/2020.csv?lang=de").await.body).unwrap();
    assert!(german.contains("\n01;Gebiet 01;i;2020;1,3;valid;%;Text;Erfunden\n"), "{german}");
    let english = String::from_utf8(app.get("/a/values/l/i/2020.csv?lang=en").await.body).unwrap();
    assert!(english.contains("\n01,Gebiet 01,i,2020,1.3,valid,%,Text,Made up\n"), "{english}");
    assert!(english.contains("\n02,Gebiet 02,i,2020,,suppressed,"), "{english}");
}

#[tokio::test]
async fn everything_works_below_a_path_prefix() {
    let app = TestApp::with(crate::app::NO_SECRETS, "https://example.org/karten").await;
    assert_eq!(app.get("/a/catalog.json").await.status, 404);
    assert_eq!(app.get("/karten/a/catalog.json").await.status, 200);
    let start = app.get("/karten").await;
    assert_eq!(app.get("/karten/").await.status, start.status);
    assert_ne!(start.status, 404);
    assert_eq!(app.get(&format!("/karten{}", example("/a/tiles/l/i/2020/{tile}.mvt"))).await.status, 200);
    let tilejson = app.get("/karten/a/tiles/l/i/2020.json").await.json();
    assert!(
        tilejson["tiles"][0].as_str().unwrap().starts_with("https://example.org/karten/a/tiles/l/i/2020/")
    );
}

#[tokio::test]
async fn addresses_come_from_the_configured_url_and_never_from_the_request() {
    let app = TestApp::new().await;
    let headers =
        [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")];
    for path in ["/a/tiles/l/i/2020.json", "/a/styles/l/i/2020.json", "/a/catalog.json"] {
        let body = String::from_utf8(app.ask("GET", path, &headers).await.body).unwrap();
        assert!(!body.contains("evil"), "{path}");
    }
}

#[tokio::test]
async fn a_release_and_a_withdrawal_are_seen_after_a_refresh() {
    let app = TestApp::new().await;
    let publisher = Publisher::local("test");
    let atlas = crate::app::slug("a");
    let request = ReleaseRequest {
        indicators: vec![crate::app::slug("i")],
        levels: vec![crate::app::slug("l")],
        periods: Vec::new(),
        audience: Audience::Public,
    };
    let before = app.get("/a/values/l/i/2020.json").await;
    assert_eq!(before.status, 200);
    let reason = "the correction is on its way".to_owned();
    let decision = Decision::KeepOpen { reason, until: "2027-01-31".parse().unwrap() };
    let now = crate::app::now();
    withdraw(&app.store, &publisher, &atlas, &request, Some(&decision), now).await.unwrap();
    assert!(app.atlases.refresh().await.unwrap());
    assert_eq!(app.get("/a/values/l/i/2020.json").await.status, 404);
    assert!(!app.atlases.refresh().await.unwrap());
}
