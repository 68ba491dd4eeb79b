using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Net.Http.Headers;

namespace LlmProxy.Usage.Counting;

/// <summary>Why a body cannot be read in exactly one way.</summary>
internal enum BodyFault : byte
{
    None,

    /// <summary>No JSON object, or something follows it.</summary>
    NotJson,

    /// <summary>No multipart/form-data as RFC 7578 has it.</summary>
    NotForm,

    /// <summary>Not UTF-8, or half a surrogate pair where it matters.</summary>
    NotUtf8,

    /// <summary>Nested deeper than 64 levels.</summary>
    TooDeep,

    /// <summary>A member that matters stands there twice.</summary>
    Repeated,

    /// <summary>
    /// A member that matters has a value of another type, or a name that some providers take for it and others do not.
    /// </summary>
    Unclear,

    /// <summary>The model's name is longer than 256 characters.</summary>
    LongModel,
}

/// <summary>
/// What a limit must know of a request before it goes out. All of it errs on the side of more tokens: whoever is in
/// doubt sees <see cref="HasUnseenContext"/> set and <see cref="OutputMax"/> missing.
/// </summary>
/// <param name="Fault">Anything but <see cref="BodyFault.None"/>: nothing else here counts.</param>
/// <param name="Model">As the request names it; null when it does not.</param>
/// <param name="IsStream">The answer is to come as events.</param>
/// <param name="AsksForUsage"><c>stream_options.include_usage</c> is true.</param>
/// <param name="OutputMax">
/// The most tokens that one choice may have; null when the request does not say, or not in a way that every provider
/// understands alike.
/// </param>
/// <param name="Choices">How many answers are asked for: <c>n</c> or <c>best_of</c>, for each prompt.</param>
/// <param name="HasUnseenContext">The prompt is not all in the request: the provider adds something to it.</param>
/// <param name="IsBackground">The work goes on after the answer.</param>
/// <param name="Images">Pictures in the prompt.</param>
/// <param name="NamesOtherModels">A hosted tool or a list of fallbacks names models of its own.</param>
/// <param name="ServiceTier">The tier of service that is asked for; prices depend on it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RequestFacts(
    BodyFault Fault,
    string? Model = null,
    bool IsStream = false,
    bool AsksForUsage = false,
    long? OutputMax = null,
    long Choices = 1,
    bool HasUnseenContext = false,
    bool IsBackground = false,
    int Images = 0,
    string? ServiceTier = null,
    bool NamesOtherModels = false)
{
    /// <summary>
    /// One pass, nothing is kept. The body must not be compressed. About 1 µs for a short chat; a body that is at
    /// fault costs an exception inside.
    /// </summary>
    /// <param name="operation">What the request does.</param>
    /// <param name="contentType">The header's value; anything but multipart is read as JSON, as providers do.</param>
    /// <param name="body">The whole body.</param>
    public static RequestFacts Read(ApiOperation operation, string? contentType, in ReadOnlySequence<byte> body) =>
        contentType is null || !contentType.Contains("multipart", StringComparison.OrdinalIgnoreCase)
            ? new JsonFacts(operation, body).Read()
            : BoundaryOf(contentType) is { } boundary
                ? FormFacts.Read(operation.Shape, boundary, body)
                : new RequestFacts(BodyFault.NotForm);

    /// <summary>1 to 70 characters (RFC 2046 §5.1.1); null for no form.</summary>
    private static string? BoundaryOf(string contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
        && type.Parameters.Count(static parameter =>
            parameter.Name.Equals("boundary", StringComparison.OrdinalIgnoreCase)) == 1
        && HeaderUtilities.RemoveQuotes(type.Boundary) is { Length: > 0 and <= 70 } boundary
            ? boundary.ToString()
            : null;
}
