namespace LlmProxy.Events.Assembly;

/// <summary>What a stream of events amounts to.</summary>
/// <param name="Json">The object that the same request would have got without streaming, as UTF-8.</param>
/// <param name="Id">What the answer calls itself.</param>
/// <param name="FinishReasons">Why the model stopped, one for each choice that says so.</param>
/// <param name="HasEnded">The event that ends such a stream, or an error, has come.</param>
/// <param name="HasError">The stream told of an error, which is the object's <c>error</c>.</param>
/// <param name="IsTruncated">Something was left out because it was too long or too much.</param>
/// <param name="IsFaulty">Something was not as the API would have it, and was passed over or kept as it was.</param>
internal sealed record AssembledAnswer(
    byte[] Json, string? Id, IReadOnlyList<string> FinishReasons, bool HasEnded, bool HasError, bool IsTruncated,
    bool IsFaulty);
