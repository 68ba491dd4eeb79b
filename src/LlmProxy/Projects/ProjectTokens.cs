namespace LlmProxy.Projects;

/// <summary>
/// What a project asks of its tokens. Projects do not know tokens, since tokens know projects, so the feature that
/// has them fills this in.
/// </summary>
/// <param name="RevokeAllAsync">Revokes them all and ends what runs under them.</param>
internal sealed record ProjectTokens(Func<Guid, Task> RevokeAllAsync);
