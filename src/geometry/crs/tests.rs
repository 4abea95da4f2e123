use proptest::prelude::*;

use super::*;

/// Metres between two positions in degrees, near enough for small distances.
fn metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let degree = 111_320.0;
    ((a.0 - b.0) * degree * a.1.to_radians().cos()).hypot((a.1 - b.1) * degree)
}

#[test]
fn systems_are_found_by_all_the_names_files_use() {
    for (text, crs) in [
        ("25832", Crs::Utm32),
        ("EPSG:25833", Crs::Utm33),
        ("epsg:4326", Crs::Wgs84),
        ("urn:ogc:def:crs:EPSG::31467", Crs::GaussKruger3),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", Crs::Crs84),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", Crs::Crs84),
        ("http://www.opengis.net/def/crs/EPSG/0/3857", Crs::WebMercator),
        ("http://www.opengis.net/gml/srs/epsg.xml#4258", Crs::Etrs89),
        ("EPSG:4647", Crs::Utm32Zone),
        ("urn:ogc:def:crs:EPSG::5650", Crs::Utm33Zone),
        ("31466", Crs::GaussKruger2),
        ("31468", Crs::GaussKruger4),
        ("EPSG:3035", Crs::Laea),
    ] {
        assert_eq!(Crs::from_name(text), Some(crs), "{text}");
    }
    for text in ["", "EPSG:", "EPSG:1", "ESRI:25832", "WGS84", "EPSG:99999999999"] {
        assert_eq!(Crs::from_name(text), None, "{text}");
    }
}

#[test]
fn systems_are_found_in_prj_files() {
    let esri_gk3 = r#"PROJCS["DHDN_3_Degree_Gauss_Zone_3",GEOGCS["GCS_Deutsches_Hauptdreiecksnetz",
        DATUM["D_Deutsches_Hauptdreiecksnetz",SPHEROID["Bessel_1841",6377397.155,299.1528128]],
        PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],
        PARAMETER["False_Easting",3500000.0],PARAMETER["False_Northing",0.0],
        PARAMETER["Central_Meridian",9.0],PARAMETER["Scale_Factor",1.0],
        PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]"#;
    assert_eq!(Crs::from_wkt(&format!("{esri_gk3}]")), Some(Crs::GaussKruger3));
    let with_code = format!("{esri_gk3},AUTHORITY[\"EPSG\",31467]]");
    assert_eq!(Crs::from_wkt(&with_code), Some(Crs::GaussKruger3));
    let utm = r#"PROJCS["ETRS_1989_UTM_Zone_32N",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",
        SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],
        UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],
        PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],
        PARAMETER["Central_Meridian",9.0],PARAMETER["Scale_Factor",0.9996],
        PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;
    assert_eq!(Crs::from_wkt(utm), Some(Crs::Utm32));
    assert_eq!(Crs::from_wkt(&utm.replace("9.0]", "15.0]")), Some(Crs::Utm33));
    assert_eq!(Crs::from_wkt(&utm.replace("9.0]", "3.0]")), None);
    assert_eq!(Crs::from_wkt(&utm.replace("500000.0", "32500000.0")), Some(Crs::Utm32Zone));
    let zone_33 = utm.replace("500000.0", "33500000.0").replace("9.0]", "15.0]");
    assert_eq!(Crs::from_wkt(&zone_33), Some(Crs::Utm33Zone));
    let gk = |easting: &str, meridian: &str| {
        format!("{}]", esri_gk3.replace("3500000.0", easting).replace("9.0]", meridian))
    };
    assert_eq!(Crs::from_wkt(&gk("2500000.0", "6.0]")), Some(Crs::GaussKruger2));
    assert_eq!(Crs::from_wkt(&gk("4500000.0", "12.0]")), Some(Crs::GaussKruger4));
    assert_eq!(Crs::from_wkt(&gk("4500000.0", "9.0]")), None);
    let wgs = r#"GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],
        PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]]"#;
    assert_eq!(Crs::from_wkt(wgs), Some(Crs::Wgs84));
    assert_eq!(Crs::from_wkt("LOCAL_CS[\"somewhere\"]"), None);
}

#[test]
fn projected_coordinates_land_where_proj_puts_them() {
    // Reference numbers by gdaltransform (PROJ 9) to EPSG:4326.
    for (crs, x, y, lon, lat) in [
        (Crs::Utm32, 500_000.0, 5_500_000.0, 9.0, 49.652_542_923_556_8),
        (Crs::Utm32, 300_000.0, 6_000_000.0, 5.940_406_316_595_37, 54.109_206_448_753_9),
        (Crs::Utm33, 500_000.0, 5_500_000.0, 15.0, 49.652_542_923_556_8),
        (Crs::Utm33, 300_000.0, 6_000_000.0, 11.940_406_316_595_4, 54.109_206_448_753_9),
        (Crs::WebMercator, 1_000_000.0, 6_500_000.0, 8.983_152_841_195_21, 50.309_217_030_289_7),
    ] {
        let found = Reprojector::new(crs, None).unwrap().to_degrees(x, y).unwrap();
        assert!(metres(found, (lon, lat)) < 0.001, "{crs:?} {found:?}");
    }
}

/// Gauss-Krüger coordinates and where PROJ puts them by BETA2007.gsb.
const GAUSS_KRUGER: [((f64, f64), (f64, f64)); 4] = [
    ((3_500_000.0, 5_500_000.0), (8.998_958_968_391_23, 49.636_708_261_708_7)),
    ((3_400_000.0, 5_400_000.0), (7.639_655_324_060_06, 48.729_504_552_643_9)),
    ((3_600_000.0, 6_000_000.0), (10.528_383_708_006_3, 54.120_772_617_641_5)),
    ((3_280_000.0, 5_700_000.0), (5.837_852_750_235_94, 51.391_982_769_094_8)),
];

#[test]
fn gauss_kruger_without_a_grid_is_shifted_by_helmert_and_says_so() {
    let way = Reprojector::new(Crs::GaussKruger3, None).unwrap();
    assert_eq!(way.warning(), Some(CrsWarning::NoGrid { crs: "EPSG:31467" }));
    for ((x, y), exact) in GAUSS_KRUGER {
        let found = way.to_degrees(x, y).unwrap();
        assert!(metres(found, exact) < 2.0, "{found:?} {exact:?}");
    }
}

#[test]
fn gauss_kruger_with_the_grid_lands_within_a_decimetre_of_proj() {
    let Ok(grid) = std::fs::read("/usr/share/proj/BETA2007.gsb") else {
        eprintln!("skipped: no /usr/share/proj/BETA2007.gsb (Debian: proj-data)");
        return;
    };
    let way = Reprojector::new(Crs::GaussKruger3, Some(&grid)).unwrap();
    assert_eq!(way.warning(), None);
    for ((x, y), exact) in GAUSS_KRUGER {
        let found = way.to_degrees(x, y).unwrap();
        assert!(metres(found, exact) < 0.001, "{found:?}");
    }
    let truncated = Reprojector::new(Crs::GaussKruger3, Some(&grid[..grid.len() - 100]));
    assert!(matches!(truncated, Err(CrsError::Grid(_))));
}

#[test]
fn the_helmert_transformations_blend_into_each_other() {
    let way = Reprojector::new(Crs::GaussKruger3, None).unwrap();
    let mut last = way.to_degrees(3_650_000.0, 5_250_000.0).unwrap();
    for step in 1..=900 {
        let found =
            way.to_degrees(3_650_000.0 + f64::from(step) * 100.0, 5_250_000.0 + f64::from(step) * 1000.0);
        let found = found.unwrap();
        let moved = metres(found, last);
        assert!((moved - 1005.0).abs() < 5.0, "{moved}");
        last = found;
    }
    for (lon, lat) in [(6.0, 47.0), (12.0, 50.33), (11.9, 52.4), (14.0, 54.0)] {
        assert!((helmert_weights(lon, lat).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}

#[test]
fn metres_taken_for_degrees_are_refused() {
    let way = Reprojector::new(Crs::Wgs84, None).unwrap();
    assert!(matches!(way.to_degrees(500_000.0, 5_500_000.0), Err(CrsError::Coordinate { .. })));
    assert!(way.to_degrees(f64::NAN, 1.0).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_grid_and_no_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = DatumGrid::from_bytes(&tail);
        let mut bytes = b"NUM_OREC\x0b\0\0\0\0\0\0\0NUM_SREC\x0b\0\0\0\0\0\0\0NUM_FILE\x01\0\0\0\0\0\0\0GS_TYPE SECONDS ".to_vec();
        bytes.extend(tail);
        let _ = DatumGrid::from_bytes(&bytes);
    }

    #[test]
    fn arbitrary_numbers_never_panic(x in any::<f64>(), y in any::<f64>()) {
        for crs in Crs::ALL {
            let _ = Reprojector::new(crs, None).unwrap().to_degrees(x, y);
        }
    }

    #[test]
    fn arbitrary_text_is_no_system_and_no_panic(text in ".{0,80}") {
        let _ = (Crs::from_wkt(&text), Crs::from_name(&text));
        let _ = Crs::from_wkt(&format!("PROJCS[\"{text}\",AUTHORITY[\"EPSG\",{text}]]"));
    }
}

#[test]
fn laea_and_wkt_2_are_found_in_the_words_of_esri_and_of_ogc() {
    let esri = r#"PROJCS["ETRS_1989_LAEA",GEOGCS["GCS_ETRS_1989",DATUM["D_ETRS_1989",
        SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],
        UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],
        PARAMETER["False_Easting",4321000.0],PARAMETER["False_Northing",3210000.0],
        PARAMETER["Central_Meridian",10.0],PARAMETER["Latitude_Of_Origin",52.0],UNIT["Meter",1.0]]"#;
    assert_eq!(Crs::from_wkt(esri), Some(Crs::Laea));
    let ogc = esri.replace("Central_Meridian", "longitude_of_center");
    assert_eq!(Crs::from_wkt(&ogc.replace("Latitude_Of_Origin", "latitude_of_center")), Some(Crs::Laea));
    assert_eq!(Crs::from_wkt(&esri.replace("10.0]", "9.0]")), None);
    let wkt_2 =
        r#"PROJCRS["ETRS89 / UTM zone 32N (zE-N)",BASEGEOGCRS["ETRS89",ID["EPSG",4258]],ID["EPSG",4647]]"#;
    assert_eq!(Crs::from_wkt(wkt_2), Some(Crs::Utm32Zone));
}

/// Seven places in Germany, in degrees.
const PLACES: [(f64, f64); 7] =
    [(9.2, 48.7), (13.4, 52.5), (6.1, 50.8), (11.4, 53.05), (8.3, 54.9), (14.9, 51.1), (12.1, 47.6)];

/// Where PROJ puts the places (gdaltransform of GDAL 3.6, PROJ 9.1), rounded to 0.1 mm.
const PROJECTED: [(Crs, [(f64, f64); 7]); 5] = [
    (
        Crs::Utm32,
        [
            (514_716.155_7, 5_394_126.372_7),
            (798_609.520_9, 5_825_756.242_0),
            (295_652.067_2, 5_631_593.678_7),
            (660_865.742_5, 5_880_525.822_2),
            (455_111.108_2, 6_083_887.962_9),
            (912_955.319_9, 5_677_518.602_7),
            (733_017.747_9, 5_276_500.650_3),
        ],
    ),
    (
        Crs::Utm33,
        [
            (73_325.511_3, 5_410_357.417_7),
            (391_390.731_3, 5_817_855.240_7),
            (-126_676.238_8, 5_665_440.196_5),
            (258_725.849_6, 5_883_893.602_6),
            (70_678.556_6, 6_104_239.701_2),
            (492_998.135_1, 5_660_950.116_9),
            (282_014.458_5, 5_275_918.889_1),
        ],
    ),
    (
        Crs::Utm32Zone,
        [
            (32_514_716.155_7, 5_394_126.372_7),
            (32_798_609.520_9, 5_825_756.242_0),
            (32_295_652.067_2, 5_631_593.678_7),
            (32_660_865.742_5, 5_880_525.822_2),
            (32_455_111.108_2, 6_083_887.962_9),
            (32_912_955.319_9, 5_677_518.602_7),
            (32_733_017.747_9, 5_276_500.650_3),
        ],
    ),
    (
        Crs::Utm33Zone,
        [
            (33_073_325.511_3, 5_410_357.417_7),
            (33_391_390.731_3, 5_817_855.240_7),
            (32_873_323.761_2, 5_665_440.196_5),
            (33_258_725.849_6, 5_883_893.602_6),
            (33_070_678.556_6, 6_104_239.701_2),
            (33_492_998.135_1, 5_660_950.116_9),
            (33_282_014.458_5, 5_275_918.889_1),
        ],
    ),
    (
        Crs::Laea,
        [
            (4_262_092.397_0, 2_843_280.866_8),
            (4_551_801.973_3, 3_271_028.983_2),
            (4_046_194.962_1, 3_083_817.640_5),
            (4_414_882.573_7, 3_327_743.192_5),
            (4_211_910.369_4, 3_533_995.961_0),
            (4_663_937.030_0, 3_121_364.787_4),
            (4_478_999.795_6, 2_722_951.054_4),
        ],
    ),
];

/// The same by the datum grid BETA2007.gsb, also far outside of each zone.
const GRIDDED: [(Crs, [(f64, f64); 7]); 3] = [
    (
        Crs::GaussKruger2,
        [
            (2_735_581.185_1, 5_400_772.216_2),
            (3_002_212.363_4, 5_844_335.588_6),
            (2_507_093.961_7, 5_629_402.041_5),
            (2_862_013.014_8, 5_893_398.175_5),
            (2_647_574.725_6, 6_088_081.402_5),
            (3_122_921.907_8, 5_700_563.036_7),
            (2_958_688.851_3, 5_291_578.157_9),
        ],
    ),
    (
        Crs::GaussKruger3,
        [
            (3_514_797.397_0, 5_395_845.284_1),
            (3_798_801.223_8, 5_827_650.617_0),
            (3_295_645.767_9, 5_633_405.685_5),
            (3_661_001.646_6, 5_882_440.672_4),
            (3_455_160.649_6, 6_085_880.257_3),
            (3_913_195.345_2, 5_679_354.443_7),
            (3_733_187.490_7, 5_278_172.724_9),
        ],
    ),
    (
        Crs::GaussKruger4,
        [
            (4_294_008.404_5, 5_399_607.186_2),
            (4_595_175.599_2, 5_819_460.498_7),
            (4_084_310.833_6, 5_646_008.099_4),
            (4_459_867.509_6, 5_879_911.071_3),
            (4_262_788.225_4, 6_091_925.021_3),
            (4_703_223.207_4, 5_666_772.613_4),
            (4_507_627.601_0, 5_273_514.874_1),
        ],
    ),
];

#[test]
fn every_projection_of_etrs89_agrees_with_proj_to_a_millimetre() {
    for (crs, coordinates) in PROJECTED {
        let way = Reprojector::new(crs, None).unwrap();
        assert_eq!(way.warning(), None);
        for ((x, y), place) in coordinates.into_iter().zip(PLACES) {
            let found = way.to_degrees(x, y).unwrap();
            assert!(metres(found, place) < 0.001, "{crs:?} {found:?} {place:?}");
        }
    }
    let degrees = Reprojector::new(Crs::Etrs89, None).unwrap();
    assert_eq!(degrees.to_degrees(9.2, 48.7).unwrap(), PLACES[0]);
}

#[test]
fn every_gauss_kruger_zone_agrees_with_proj_to_a_centimetre_by_the_grid_and_to_two_metres_without() {
    let grid = std::fs::read("/usr/share/proj/BETA2007.gsb").ok();
    if grid.is_none() {
        eprintln!("skipped in part: no /usr/share/proj/BETA2007.gsb (Debian: proj-data)");
    }
    for (crs, coordinates) in GRIDDED {
        let coarse = Reprojector::new(crs, None).unwrap();
        assert!(coarse.warning().unwrap().to_string().contains(crs.name()));
        let exact = grid.as_deref().map(|grid| Reprojector::new(crs, Some(grid)).unwrap());
        for ((x, y), place) in coordinates.into_iter().zip(PLACES) {
            assert!(metres(coarse.to_degrees(x, y).unwrap(), place) < 2.0, "{crs:?} {place:?}");
            if let Some(exact) = &exact {
                let found = exact.to_degrees(x, y).unwrap();
                assert!(metres(found, place) < 0.01, "{crs:?} {found:?} {place:?}");
            }
        }
    }
}
