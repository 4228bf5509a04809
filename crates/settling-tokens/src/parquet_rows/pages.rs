//! The pages of a column, one after the other.

use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::ParquetError;

/// The pages of a column in one row group. Where the decoder wants to know what comes next, the
/// next page is read and kept.
///
/// The decoder's own way reads only the header, and later asks for a reader from behind it, in the
/// middle of the page. `Chunks` could not tell that place from one where a page begins; through
/// this, every reader that it is asked for begins at a page's header.
///
/// Pages without values, which pyarrow writes here and there, are passed over: for the decoder they
/// are the end of the column.
pub(super) struct Pages {
    inner: Box<dyn PageReader>,
    next: Option<Page>,
}

impl Pages {
    pub(super) fn new(inner: Box<dyn PageReader>) -> Self {
        Self { inner, next: None }
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>, ParquetError> {
        if let Some(page) = self.next.take() {
            return Ok(Some(page));
        }
        loop {
            match self.inner.get_next_page()? {
                Some(page) if page.is_data_page() && page.num_values() == 0 => {}
                page => return Ok(page),
            }
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>, ParquetError> {
        if self.next.is_none() {
            self.next = self.get_next_page()?;
        }
        Ok(self.next.as_ref().map(|page| PageMetadata {
            num_rows: match page {
                Page::DataPageV2 { num_rows, .. } => Some(*num_rows as usize),
                _ => None,
            },
            num_levels: page.is_data_page().then_some(page.num_values() as usize),
            is_dict: page.is_dictionary_page(),
        }))
    }

    fn skip_next_page(&mut self) -> Result<(), ParquetError> {
        self.get_next_page().map(|_| ())
    }
}

impl Iterator for Pages {
    type Item = Result<Page, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
