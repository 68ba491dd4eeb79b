using LlmProxy.Events;

namespace LlmProxy.Dispatching;

/// <summary>An event that a source has given out and wants to hear of again.</summary>
/// <param name="Record">The event.</param>
/// <param name="Position">Where the source has it, in its own words.</param>
internal sealed record Delivery(EventRecord Record, string Position);
