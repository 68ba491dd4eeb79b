namespace LlmProxy.Http;

/// <summary>How an answer's content is coded (RFC 9110 section 8.4.1).</summary>
internal enum ContentCoding : byte
{
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstandard,

    /// <summary>One that we cannot read, or several.</summary>
    Unreadable,
}

internal static class ContentCodings
{
    /// <param name="contentEncoding">The value of the header field; null when there is none.</param>
    public static ContentCoding Of(string? contentEncoding) =>
        contentEncoding?.Trim().ToUpperInvariant() switch
        {
            null or "" or "IDENTITY" => ContentCoding.Identity,
            "GZIP" or "X-GZIP" => ContentCoding.Gzip,
            "DEFLATE" => ContentCoding.Deflate,
            "BR" => ContentCoding.Brotli,
            "ZSTD" => ContentCoding.Zstandard,
            _ => ContentCoding.Unreadable,
        };
}
