Feature: A session that is extended

  Background:
    Given the resource "/quality-on-demand/v1/sessions/{sessionId}/extend"
    And the header "Authorization" is set to a valid access token
    And the header "x-correlator" is set to a UUID value

  @extension_goes_on_under_traffic
  Scenario: Packets are paid for until the new end, and the client is told of that end only
    Given packets leave for the application server all the time
    And a session of 4 seconds is available
    When the session is extended by 5 seconds
    Then the response status code is 200
    And the session lasts 9 seconds
    And an event tells of the session's end with "DURATION_EXPIRED", not before that
    And packets were paid for by 2 purchases in a row, which cost no more than the quote said

  @extension_costs_what_it_lasts
  Scenario: The quote grows with the session
    Given a session of 60 seconds is available
    When the session is extended by 120 seconds
    Then the session lasts 180 seconds
    And the quote is 3 times what it was

  @extension_is_decided_like_a_purchase
  Scenario: What the owner does not allow any more ends when what was bought is over
    Given a session of 3 seconds is available
    When the session is extended by 600 seconds
    And the owner's rule changes to "--deny"
    Then the session becomes UNAVAILABLE
    And an event tells of the session's end with "NETWORK_TERMINATED"

  @extension_is_capped
  Scenario: No number of extensions goes beyond the longest duration
    Given a session of 60 seconds is available
    When the session is extended by 86000 seconds
    And the session is extended by 86000 seconds
    And the session is extended by 2147483647 seconds
    Then the session lasts 86400 seconds
