//! A manifest's lines, as they are or converted, one after another.

use aws::s3::{ObjectStream, S3, S3Error};
use manifest::{
    ConvertOptions, Converted, Converter, Counts, LINE_BYTES_MAX, LineSplitter, RawLine,
};

use crate::error::RunError;

/// One version of an object that holds JSON Lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesObject {
    /// Bucket of the object.
    pub bucket: String,
    /// Key of the object.
    pub key: String,
    /// Entity tag of that version.
    pub e_tag: String,
}

impl LinesObject {
    /// Whether the object still is this version.
    ///
    /// # Errors
    ///
    /// As S3 answers, but for a missing object.
    pub async fn is_there(&self, s3: &S3) -> Result<bool, S3Error> {
        match s3.head_object(&self.bucket, &self.key).await {
            Ok(head) => Ok(head.e_tag == self.e_tag),
            Err(S3Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Lines of one version of an object. Memory is a piece of the network's and one line.
#[derive(Debug)]
pub struct Lines {
    stream: ObjectStream,
    splitter: LineSplitter,
    is_finished: bool,
}

impl Lines {
    /// Opens the object's version.
    ///
    /// # Errors
    ///
    /// [`RunError::Superseded`] when it has been replaced.
    pub async fn open(s3: &S3, source: &LinesObject) -> Result<Self, RunError> {
        let stream = s3
            .stream_object(&source.bucket, &source.key, Some(&source.e_tag))
            .await
            .map_err(superseded)?;
        Ok(Self {
            stream,
            splitter: LineSplitter::new(LINE_BYTES_MAX),
            is_finished: false,
        })
    }

    /// What `look` makes of the next line and its number, from one; `None` after the last line.
    ///
    /// # Errors
    ///
    /// [`RunError::Superseded`] when the object was replaced and the rest of this version is gone.
    pub async fn next<T>(
        &mut self,
        look: impl FnOnce(u64, RawLine<'_>) -> T,
    ) -> Result<Option<T>, RunError> {
        loop {
            if let Some((line_number, line)) = self.splitter.next_line() {
                return Ok(Some(look(line_number, line)));
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
}

/// Reads one version of a manifest and converts its lines.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    converter: Converter,
    keeps_lines: bool,
    line: Vec<u8>,
    converting: std::time::Duration,
}

impl Reader {
    /// Opens the manifest's version.
    ///
    /// # Errors
    ///
    /// As [`Lines::open`].
    pub async fn open(
        s3: &S3,
        source: &LinesObject,
        options: ConvertOptions,
        keeps_lines: bool,
    ) -> Result<Self, RunError> {
        Ok(Self {
            lines: Lines::open(s3, source).await?,
            converter: Converter::new(options),
            keeps_lines,
            line: Vec::new(),
            converting: std::time::Duration::ZERO,
        })
    }

    /// What became of the next line; `None` after the last one.
    ///
    /// # Errors
    ///
    /// As [`Lines::next`].
    pub async fn next(&mut self) -> Result<Option<Converted>, RunError> {
        let (converter, kept) = (&mut self.converter, &mut self.line);
        let (keeps_lines, converting) = (self.keeps_lines, &mut self.converting);
        let convert = |line_number, line: RawLine<'_>| {
            let started = std::time::Instant::now();
            if keeps_lines {
                kept.clear();
                if let RawLine::Line(bytes) = line {
                    kept.extend_from_slice(bytes);
                }
            }
            let converted = converter.convert(line_number, line);
            *converting += started.elapsed();
            converted
        };
        self.lines.next(convert).await
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

    /// Time spent in converting.
    #[must_use]
    pub fn converting(&self) -> std::time::Duration {
        self.converting
    }
}

/// An object of another entity tag than asked for is a manifest that was replaced.
pub(crate) fn superseded(error: S3Error) -> RunError {
    match error {
        S3Error::PreconditionFailed { .. } => RunError::Superseded,
        error => error.into(),
    }
}
