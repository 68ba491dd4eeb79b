using System.Runtime.InteropServices;

namespace LlmProxy.Events.Redis;

/// <summary>What Redis said.</summary>
/// <param name="Came">It did what it was asked.</param>
/// <param name="Value">Its answer; nothing when there was none.</param>
/// <param name="Refusal">
/// The word that its refusal begins with, such as <c>OOM</c> or <c>NOGROUP</c>; null when it has not answered.
/// </param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StreamAnswer<T>(bool Came, T? Value, string? Refusal = null);
