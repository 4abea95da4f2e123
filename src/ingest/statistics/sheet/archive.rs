//! ZIP files, as containers of workbooks and of several tables.
//!
//! Must not know: what the members mean. Invariant: a member is expanded only as far as its reader asks, and never
//! beyond a limit. What the file says of a size is held against it: what is too much by its own words is not expanded,
//! and what proves to be more than it said is damaged.

use std::io::{BufReader, Cursor, Read};

use zip::{ZipArchive, read::ZipFile, result::ZipError};

use super::{SheetError, xml::XmlPart};

/// Most members of an archive. Workbooks have some dozens, one more per sheet and picture.
const MAX_MEMBERS: usize = 20_000;

/// Most bytes of a ZIP file.
const MAX_ARCHIVE: usize = 256 << 20;

/// Most bytes that one member may expand to.
const MEMBER_LIMIT: u64 = 512 << 20;

/// Type of an ODS file, the text of its member `mimetype`.
const SPREADSHEET_DOCUMENT: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";

/// A member that is read as XML.
pub type XmlMember<'b, 'a> = XmlPart<BufReader<ZipFile<'b, Cursor<&'a [u8]>>>>;

/// An open ZIP file.
#[derive(Debug)]
pub struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Opens a ZIP file.
    ///
    /// # Errors
    /// If it is damaged, too large, has too many members or two of the same name.
    pub fn open(bytes: &'a [u8]) -> Result<Self, SheetError> {
        // Each member has an entry in the directory, whose signature can be counted before anything is made of it.
        let entries = bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count();
        if bytes.len() > MAX_ARCHIVE || entries > MAX_MEMBERS {
            return Err(SheetError::TooLarge);
        }
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(SheetError::damaged)?;
        // Only the last of them could be read.
        if zip.has_duplicate_names() {
            return Err(SheetError::TwoMembers);
        }
        Ok(Self { zip })
    }

    /// True if it is an ODS file.
    pub fn is_spreadsheet_document(&mut self) -> bool {
        let mut kind = Vec::new();
        let read = self.zip.by_name("mimetype").map(|member| member.take(100).read_to_end(&mut kind));
        read.is_ok_and(|read| read.is_ok()) && kind.trim_ascii() == SPREADSHEET_DOCUMENT
    }

    /// True if it is a workbook, XLSX or ODS.
    pub fn is_workbook(&mut self) -> bool {
        self.is_spreadsheet_document() || self.has("[Content_Types].xml")
    }

    /// True if there is a member of that name.
    pub fn has(&self, name: &str) -> bool {
        self.zip.index_for_name(name).is_some()
    }

    /// Names of the members that are no folders, with their number.
    pub fn members(&self) -> Vec<(usize, String)> {
        let name = |index| match self.zip.name_for_index(index) {
            Some(Ok(name)) => name.into_owned(),
            // A name in no known encoding is still the name of a member.
            Some(Err(_)) | None => format!("member {}", index + 1),
        };
        let names = (0..self.zip.len()).map(|index| (index, name(index)));
        names.filter(|(_, name)| !name.ends_with(['/', '\\'])).collect()
    }

    /// How many bytes a member expands to, as the file says.
    pub fn size(&mut self, index: usize) -> u64 {
        // One whose entry cannot be read cannot be expanded either, which says why.
        self.zip.by_index_raw(index).map_or(0, |member| member.size())
    }

    /// Expands a member.
    ///
    /// # Errors
    /// If it is damaged, needs a password or has more than `limit` bytes.
    pub fn expand(&mut self, index: usize, limit: u64) -> Result<Vec<u8>, SheetError> {
        let member = self.zip.by_index(index).map_err(|error| failure(&error))?;
        let size = member.size();
        if size > limit {
            return Err(SheetError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(size as usize);
        // The reader itself refuses more bytes than the file says; one more is asked for so that it notices.
        member.take(size + 1).read_to_end(&mut bytes).map_err(SheetError::damaged)?;
        Ok(bytes)
    }

    /// A member as XML, if it is there.
    ///
    /// # Errors
    /// If it is damaged or needs a password.
    pub fn xml(&mut self, name: &str) -> Result<Option<XmlMember<'_, 'a>>, SheetError> {
        match self.zip.by_name(name) {
            Ok(member) => Ok(Some(XmlPart::new(BufReader::with_capacity(1 << 16, member), MEMBER_LIMIT))),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}

fn failure(error: &ZipError) -> SheetError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => SheetError::Protected,
        error => SheetError::damaged(error),
    }
}
