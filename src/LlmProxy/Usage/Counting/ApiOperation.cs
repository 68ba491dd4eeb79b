using System.Runtime.InteropServices;

namespace LlmProxy.Usage.Counting;

/// <summary>The form of a request's body and of its answer.</summary>
internal enum ApiShape : byte
{
    Other,
    Chat,
    Completions,
    Responses,
    Messages,
    Embeddings,
    Realtime,
    Transcription,
    Image,
    Speech,
    Moderation,
}

/// <summary>Whether an operation spends tokens, and whether its answer tells.</summary>
internal enum Metering : byte
{
    /// <summary>Runs no model that is paid by the token.</summary>
    Free,

    /// <summary>What it spends is told in its own answer, and the worst case follows from the request.</summary>
    Reported,

    /// <summary>Spends, or may spend, what its own answer does not show.</summary>
    Opaque,
}

/// <summary>Where a request names its model.</summary>
internal enum ModelPlace : byte
{
    /// <summary>Nowhere, and no model runs.</summary>
    None,

    /// <summary>Member <c>model</c> of the JSON body.</summary>
    Body,

    /// <summary>Field <c>model</c> of the multipart form.</summary>
    Form,

    /// <summary>Parameter <c>model</c> of the query.</summary>
    Query,

    /// <summary>Member <c>model</c> in member <c>session</c> of the JSON body.</summary>
    Nested,

    /// <summary>A model runs, but this request does not name it where we could see it.</summary>
    Elsewhere,
}

/// <summary>What a request does, as far as its method and its path say.</summary>
/// <param name="Shape">The form of the body and of the answer.</param>
/// <param name="Metering">Whether it spends tokens.</param>
/// <param name="Model">Where it names its model.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ApiOperation(ApiShape Shape, Metering Metering, ModelPlace Model)
{
    private static readonly ApiOperation FreeOfModels = new(ApiShape.Other, Metering.Free, ModelPlace.None);
    private static readonly ApiOperation Unknown = new(ApiShape.Other, Metering.Opaque, ModelPlace.Elsewhere);

    /// <summary>
    /// Providers put the same API under different prefixes, so only the end of the path is matched, segment by segment.
    /// Case counts. What is not known here and may change something is taken for a run that cannot be seen.
    /// </summary>
    /// <param name="method">As it was sent; method names are case-sensitive (RFC 9110 §9.1).</param>
    /// <param name="path">Without the query.</param>
    public static ApiOperation Of(string method, ReadOnlySpan<char> path) => method switch
    {
        "POST" => OperationTable.Find(OperationTable.Post, path) ?? Unknown,
        "GET" => OperationTable.Find(OperationTable.WebSockets, path) ?? FreeOfModels,
        "HEAD" or "DELETE" or "OPTIONS" => FreeOfModels,
        _ => Unknown,
    };
}
