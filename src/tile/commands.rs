//! Geometry commands of MVT 2.1, section 4.3: moves and lines relative to the point before.
//!
//! Must not know: what the geometry means. Rings come wound and without a closing point; what has too few points to be
//! drawn is left out, since the specification forbids it.

use super::wire;

const MOVE_TO: u64 = 1;
const LINE_TO: u64 = 2;
const CLOSE_PATH: u64 = 7;

/// The pen: writes commands and remembers where it stands.
struct Pen<'a> {
    out: &'a mut Vec<u8>,
    at: [i32; 2],
}

impl Pen<'_> {
    fn command(&mut self, id: u64, count: usize) {
        wire::varint(self.out, (count as u64) << 3 | id);
    }

    fn step(&mut self, to: [i32; 2]) {
        wire::zigzag(self.out, to[0].wrapping_sub(self.at[0]));
        wire::zigzag(self.out, to[1].wrapping_sub(self.at[1]));
        self.at = to;
    }

    fn path(&mut self, points: &[[i32; 2]]) {
        if let Some((&first, rest)) = points.split_first() {
            self.command(MOVE_TO, 1);
            self.step(first);
            self.command(LINE_TO, rest.len());
            rest.iter().for_each(|&point| self.step(point));
        }
    }
}

/// Appends the commands of polygons, each its exterior and then its holes.
pub(super) fn polygons(out: &mut Vec<u8>, polygons: &[Vec<Vec<[i32; 2]>>]) {
    let mut pen = Pen { out, at: [0, 0] };
    // Without its exterior a hole would count to the polygon before.
    let drawable = polygons.iter().filter(|p| p.first().is_some_and(|exterior| exterior.len() >= 3));
    for ring in drawable.flatten().filter(|ring| ring.len() >= 3) {
        pen.path(ring);
        pen.command(CLOSE_PATH, 1);
    }
}

/// Appends the commands of lines.
pub(super) fn lines<'a>(out: &mut Vec<u8>, lines: impl Iterator<Item = &'a Vec<[i32; 2]>>) {
    let mut pen = Pen { out, at: [0, 0] };
    lines.filter(|line| line.len() >= 2).for_each(|line| pen.path(line));
}

/// Appends the commands of one point.
pub(super) fn point(out: &mut Vec<u8>, x: i32, y: i32) {
    let mut pen = Pen { out, at: [0, 0] };
    pen.command(MOVE_TO, 1);
    pen.step([x, y]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_is_written_as_in_the_specification() {
        let mut out = Vec::new();
        polygons(&mut out, &[vec![vec![[3, 6], [8, 12], [20, 34]]]]);
        assert_eq!(out, [9, 6, 12, 18, 10, 12, 24, 44, 15]);
    }

    #[test]
    fn a_second_ring_that_starts_where_the_first_ended_still_has_its_move() {
        let mut out = Vec::new();
        let first = vec![[0, 0], [4, 0], [4, 4]];
        let second = vec![[4, 4], [8, 4], [8, 8]];
        polygons(&mut out, &[vec![first], vec![second]]);
        assert_eq!(out, [9, 0, 0, 18, 8, 0, 0, 8, 15, 9, 0, 0, 18, 8, 0, 0, 8, 15]);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let mut out = Vec::new();
        polygons(&mut out, &[vec![], vec![vec![[0, 0], [1, 1]], vec![[0, 0], [1, 0], [1, 1]]]]);
        lines(&mut out, [vec![[1, 1]], vec![]].iter());
        assert!(out.is_empty());
    }
}
