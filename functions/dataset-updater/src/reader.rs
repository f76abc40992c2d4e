//! A manifest's lines, converted one after another.

use aws::s3::{ObjectStream, S3, S3Error};
use manifest::{
    ConvertOptions, Converted, Converter, Counts, LINE_BYTES_MAX, LineSplitter, RawLine,
};

use crate::error::RunError;
use crate::event::Request;

/// Reads one version of a manifest. Memory is a piece of the network's and one line.
#[derive(Debug)]
pub struct Reader {
    stream: ObjectStream,
    splitter: LineSplitter,
    converter: Converter,
    is_finished: bool,
    keeps_lines: bool,
    line: Vec<u8>,
    converting: std::time::Duration,
}

impl Reader {
    /// Opens the manifest's version with entity tag `e_tag`.
    ///
    /// # Errors
    ///
    /// [`RunError::Superseded`] when it has been replaced.
    pub async fn open(
        s3: &S3,
        request: &Request,
        e_tag: &str,
        options: ConvertOptions,
        keeps_lines: bool,
    ) -> Result<Self, RunError> {
        let stream = s3
            .stream_object(&request.bucket, &request.key, Some(e_tag))
            .await
            .map_err(superseded)?;
        Ok(Self {
            stream,
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            converter: Converter::new(options),
            is_finished: false,
            keeps_lines,
            line: Vec::new(),
            converting: std::time::Duration::ZERO,
        })
    }

    /// What became of the next line; `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`RunError::Superseded`] when the manifest was replaced and the rest of this version is gone.
    pub async fn next(&mut self) -> Result<Option<Converted>, RunError> {
        loop {
            let started = std::time::Instant::now();
            if let Some((line_number, line)) = self.splitter.next_line() {
                if self.keeps_lines {
                    self.line.clear();
                    if let RawLine::Line(bytes) = line {
                        self.line.extend_from_slice(bytes);
                    }
                }
                let converted = self.converter.convert(line_number, line);
                self.converting += started.elapsed();
                return Ok(Some(converted));
            }
            if self.is_finished {
                return Ok(None);
            }
            match self.stream.next_piece().await.map_err(superseded)? {
                Some(piece) => self.splitter.feed(&piece),
                None => {
                    self.splitter.finish();
                    self.is_finished = true;
                }
            }
        }
    }

    /// The line that [`Reader::next`] last converted, when lines are kept; empty when it was too long.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// How many lines became what so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        self.converter.counts()
    }

    /// Time spent in splitting and converting.
    #[must_use]
    pub fn converting(&self) -> std::time::Duration {
        self.converting
    }
}

fn superseded(error: S3Error) -> RunError {
    match error {
        S3Error::PreconditionFailed { .. } => RunError::Superseded,
        error => error.into(),
    }
}
